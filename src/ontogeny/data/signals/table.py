"""The one place that lists the groups of signals there are. Each is imported when it is first needed."""

from __future__ import annotations

from importlib import import_module

from ontogeny.data.signals.group import SignalGroup

_GROUPS = {
    "size": ("ontogeny.data.signals.size", "SIZE"),
}


def signal_group(name: str) -> SignalGroup:
    """The group called `name`."""
    module, attribute = _GROUPS[name]
    group: SignalGroup = getattr(import_module(module), attribute)
    return group
