"""Whether a model is better than guessing: a test of every task with choices, reckoning with how many there are.

Of forty tasks one has a 95% interval above chance by luck. So p-values are adjusted (Holm), as between two models.
"""

from __future__ import annotations

from collections.abc import Mapping

from ontogeny.evaluate.record import EvaluationRecord
from ontogeny.evaluate.scores import Result, Verdict
from ontogeny.statistics.multiple import holm
from ontogeny.statistics.paired import SIGNIFICANCE, proportion_above


def against_guessing(record: EvaluationRecord) -> Mapping[str, Verdict]:
    """By suite whose primary metric has a chance: is the evaluated model better or worse than that?"""
    held = [
        (suite.name, found, chance)
        for suite in record.suites
        if (found := record.primary_result(suite, record.model)) is not None
        and (chance := suite.chance) is not None
    ]
    adjusted = holm([_p_value(found, chance) for _, found, chance in held])
    return {
        name: "undecided" if p >= SIGNIFICANCE else "better" if found.value > chance else "worse"
        for (name, found, chance), p in zip(held, adjusted, strict=True)
    }


def _p_value(found: Result, chance: float) -> float:
    """Two-sided, from as many independent trials as the items are worth."""
    trials = _trials(found)
    right = found.value * trials
    above = proportion_above(right, trials, chance)
    below = proportion_above(trials - right, trials, 1 - chance)
    return min(1.0, 2 * min(above, below))


def _trials(found: Result) -> float:
    independent = found.groups == found.n and found.seeds == 1
    if independent or found.stderr is None:
        return float(found.n if independent else 1)
    if found.stderr == 0.0:
        return float(found.groups)
    return max(1.0, min(float(found.n), found.value * (1 - found.value) / found.stderr**2))
