"""What the rules of one recipe ask of each other: an edit before them, a column that is there, a reason of their own.

All of it can be told from the settings, so it is said before anything is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ontogeny.core.errors import RecipeError, placed
from ontogeny.data.edits.c4_lines import COLUMNS, C4Lines
from ontogeny.data.edits.mask_pii import MaskPii
from ontogeny.data.pii.kinds import count_column
from ontogeny.data.rules.c4 import C4
from ontogeny.data.rules.classifier import ClassifierRule
from ontogeny.data.rules.expression import ABOUT, Expression, refuse_unknown
from ontogeny.data.rules.gopher_quality import GopherQuality
from ontogeny.data.rules.toxicity import Toxicity
from ontogeny.data.signals.bad_words import BAD_WORDS
from ontogeny.data.signals.stop_words import LISTED_STOP_WORDS
from ontogeny.data.signals.toxicity import TOXIC_WORD_RATE

EDITS = (C4Lines, MaskPii)


def check_rules(rules: Sequence[Any]) -> None:
    """Refuse rules that do not fit together.

    Raises:
        RecipeError: with its place; an edit that a rule needs does not stand before it, an edit stands there twice, an
            expression names a column that is not there or a reason that another rule gives.
    """
    known = {*columns_at_any_time()}
    for position, rule in enumerate(rules):
        with placed("rules", position):
            _check_edits(rule, rules[:position])
            if isinstance(rule, Expression):
                with placed("drop"):
                    refuse_unknown(rule, known)
                with placed("reason"):
                    _check_reason(rule, rules)
        known |= set(columns_made_by(rule))


def columns_at_any_time() -> tuple[str, ...]:
    """The columns that are there wherever a rule stands: what documents say of themselves, signals without settings."""
    from ontogeny.data.signals.table import group_of_each_column

    return (*ABOUT, *group_of_each_column())


def columns_made_by(rule: Any) -> Iterable[str]:
    """The columns that are there behind `rule` because of its settings."""
    match rule:
        case C4Lines():
            return COLUMNS
        case MaskPii():
            return (f"masked_{count_column(kind)}" for kind in rule.kinds)
        case ClassifierRule():
            return rule.needs
        case Toxicity():
            return (TOXIC_WORD_RATE,)
        case C4() if rule.bad_words is not None:
            return (BAD_WORDS,)
        case GopherQuality() if rule.stop_words:
            return (LISTED_STOP_WORDS,)
    return ()


def _check_edits(rule: Any, before: Sequence[Any]) -> None:
    if isinstance(rule, EDITS) and any(isinstance(each, type(rule)) for each in before):
        raise RecipeError(
            f"the edit {rule.type!r} stands above already, and what each of them did would be counted in one place",
            hint="write one of them, with the settings of both",
        )
    for edit in getattr(rule, "needs_edits", ()):
        if edit not in [each.type for each in before]:
            raise RecipeError(
                f"the rule {rule.type!r} reads what the edit {edit!r} counted, which does not stand before it",
                hint=f"write `- {{type: {edit}}}` above `- {{type: {rule.type}}}`",
            )


def _check_reason(rule: Expression, rules: Sequence[Any]) -> None:
    """Reasons of fixed names are refused by the rule itself; these depend on what other rules are called."""
    for other in rules:
        taken = (f"{other.name}_low", f"{other.name}_high") if isinstance(other, ClassifierRule) else ()
        if rule.reason in taken:
            raise RecipeError(
                f"{rule.reason!r} is what the classifier {other.name!r} drops documents for",
                hint="give the expression another `reason`",
            )
