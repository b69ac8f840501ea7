"""The one place that lists the groups of signals that need no settings. Each is imported when it is first needed."""

from __future__ import annotations

from importlib import import_module

from ontogeny.data.signals.group import SignalGroup

_GROUPS = {
    "size": ("ontogeny.data.signals.size", "SIZE"),
    "words": ("ontogeny.data.signals.words", "WORDS"),
    "repetition": ("ontogeny.data.signals.words", "REPETITION"),
    "lines": ("ontogeny.data.signals.lines", "LINES"),
    "language": ("ontogeny.data.signals.language", "LANGUAGE_SIGNALS"),
    "pii": ("ontogeny.data.signals.pii", "PII_SIGNALS"),
}


def signal_group(name: str) -> SignalGroup:
    """The group called `name`."""
    module, attribute = _GROUPS[name]
    group: SignalGroup = getattr(import_module(module), attribute)
    return group


def group_of_each_column() -> dict[str, str]:
    """Column -> the group that gives it."""
    return {column: name for name in _GROUPS for column in signal_group(name).columns}
