"""A comparison in one sentence: better, worse or undecided, and what so many items could have told."""

from __future__ import annotations

from ontogeny.evaluate.scores import Comparison
from ontogeny.evaluate.wording import detectable, difference, p_equals
from ontogeny.report import numbers
from ontogeny.statistics.errors import LEAST_GROUPS
from ontogeny.statistics.paired import SIGNIFICANCE

FEWEST_GROUPS = (
    6  # of signs: with five, all alike, p is 2/2^5 = 0.06, and no difference however large is significant
)
BY_GROUPS = ("sign-flip", "swap")


def told(row: Comparison) -> str:
    """The verdict and what it rests on."""
    if row.verdict in (None, "undecided"):
        return f"undecided: {_undecided(row)}"
    p_value = row.p_value if row.p_adjusted is None else row.p_adjusted
    return f"{row.verdict}: {difference(row.metric, row.difference)}, {p_equals(p_value)}"


def least_told(row: Comparison) -> float | None:
    """The smallest true difference that the test finds four times of five; None where it can find none."""
    return None if not row.detectable or _is_hopeless(row) else row.detectable


def _undecided(row: Comparison) -> str:
    these = f"these {numbers.count(row.n)} items"
    if row.groups == 1:
        return "a single group of items can tell no difference"
    if _is_hopeless(row):
        groups = numbers.counted(row.groups, "group")
        return f"{these} come in {groups}, and with fewer than {FEWEST_GROUPS} no difference can be told"
    least = least_told(row)
    if least is None:
        return f"both do the same on {these}"
    if row.p_value < SIGNIFICANCE and row.p_adjusted is not None:
        return (
            f"{difference(row.metric, row.difference)} on {these} has {p_equals(row.p_value)} alone, and "
            f"{p_equals(row.p_adjusted)} (Holm) among all tests"
        )
    return f"{these} could only have told a difference of ±{detectable(row.metric, least)}"


def _is_hopeless(row: Comparison) -> bool:
    """Whether no difference, however large, could have been significant."""
    return row.groups < (FEWEST_GROUPS if row.test in BY_GROUPS else LEAST_GROUPS)
