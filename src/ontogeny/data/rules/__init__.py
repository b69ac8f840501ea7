"""Rules that drop documents, one module each, and the one place that lists them.

A rule is a small function over columns of signals: it reads no text, so another threshold costs no second reading.
What a rule needs, its settings say (`needs`); it sees the text as it is where the rule stands in the recipe's list, so
an edit listed before it has been made, one listed after it has not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ontogeny.data.rules.judgement import Judgement
from ontogeny.data.rules.length import Length, judge_length

if TYPE_CHECKING:
    from ontogeny.data.edits.edited import Edited
    from ontogeny.data.signals.group import Columns, SignalGroup
    from ontogeny.data.texts import Texts

Rule: TypeAlias = Length
"""What a recipe may write under `rules`; a union told apart by `type` once there are more."""

JUDGES: dict[str, Callable[[Any, Columns], Judgement]] = {
    "length": judge_length,
}
"""How each type of rule that drops documents decides."""

EDITS: dict[str, Callable[[Texts, Any], Edited]] = {}
"""What each type of rule that edits text does."""


@dataclass(frozen=True)
class Need:
    """A group of signals over the text after the first `edits` edits."""

    group: SignalGroup
    edits: int


def edits_among(rules: Sequence[Rule]) -> list[Rule]:
    """Those of `rules` that change text, in order."""
    return [rule for rule in rules if rule.type in EDITS]


def groups_of(rule: Rule) -> list[SignalGroup]:
    """The groups of signals that `rule` decides over."""
    from ontogeny.data.signals.table import signal_group

    return [signal_group(name) for name in rule.needs]


def needs_of(rules: Sequence[Rule]) -> list[Need]:
    """The signals that `rules` need, each once, in the order of first need."""
    needs: dict[Need, None] = {}
    edits = 0
    for rule in rules:
        if rule.type in EDITS:
            edits += 1
        else:
            needs |= dict.fromkeys(Need(group, edits) for group in groups_of(rule))
    return list(needs)
