"""The column that says which near copy is the best: one that is there, told before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.rules import RULES
from ontogeny.data.rules.classifier import ClassifierRule
from ontogeny.data.rules.expression_grammar import kind_of_column
from ontogeny.data.rules.together import columns_made_by
from ontogeny.data.signals.classifier import quality_column


def refuse_unknown_score(settings: NearDedup, rules: Sequence[Any]) -> None:
    """Refuse `keep: score` with a column that documents will not have after `rules`.

    Raises:
        RecipeError: the column is not there; lists those that are.
    """
    known = score_columns(rules)
    if settings.score is not None and settings.score not in {*known, *known.values()}:
        raise RecipeError(
            f"dedup: there is no column {settings.score!r} to choose copies by.{nearest(settings.score, list(known))}",
            hint=f"with these rules `score` is one of: {', '.join(known)}; a classifier's is the name of its rule,"
            " and others are there where a rule decides over them",
        )


def score_columns(rules: Sequence[Any]) -> dict[str, str]:
    """The columns of numbers that documents have after `rules`, by the names that a recipe gives them, in order."""
    from ontogeny.data.signals.size import SIZE

    known = dict(zip(SIZE.columns, SIZE.columns, strict=True))
    for rule in rules:
        if isinstance(rule, ClassifierRule):
            known[rule.name] = quality_column(rule.name)
            continue
        known |= {name: name for name in columns_made_by(rule)}
        if RULES[rule.type].edit is None:
            known |= {name: name for group in RULES[rule.type].groups(rule) for name in group.columns}
    return {name: known[name] for name in sorted(known) if kind_of_column(name) == "number"}
