"""A comparison in one sentence: better, worse or undecided, and what so many items could have told."""

from __future__ import annotations

from ontogeny.evaluate.scores import Comparison
from ontogeny.evaluate.wording import detectable, difference, interval, p_equals
from ontogeny.report import numbers
from ontogeny.statistics.paired import LEAST_DISCORDANT, SIGNIFICANCE

FEWEST_GROUPS = (
    6  # of signs: with five, all alike, p is 2/2^5 = 0.06, and no difference however large is significant
)
LEAST_OF_TEST = {"mcnemar-mid-p": LEAST_DISCORDANT, "sign-flip": FEWEST_GROUPS, "swap": FEWEST_GROUPS}


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
        return _hopeless(row)
    least = least_told(row)
    if least is None:
        alike = row.difference == 0.0
        return f"both do the same on {these}" if alike else f"all of {these} differ alike"
    if (row.p_value if row.p_adjusted is None else row.p_adjusted) < SIGNIFICANCE and row.is_doubtful:
        return (
            f"the models differ ({p_equals(row.p_value)}), but whether this value does cannot be told: "
            f"{difference(row.metric, row.difference)} on {these}, {interval(row.metric, row.ci95)}"
        )
    if row.p_value < SIGNIFICANCE and row.p_adjusted is not None:
        return (
            f"{difference(row.metric, row.difference)} on {these} has {p_equals(row.p_value)} alone, and "
            f"{p_equals(row.p_adjusted)} (Holm) among all tests"
        )
    return f"{these} could only have told a difference of ±{detectable(row.metric, least)}"


def _is_hopeless(row: Comparison) -> bool:
    """Whether no difference, however large, could have been significant."""
    return row.groups < LEAST_OF_TEST.get(row.test, 0)


def _hopeless(row: Comparison) -> str:
    least = LEAST_OF_TEST[row.test]
    if row.groups == row.n:
        return (
            f"with fewer than {least} items no difference can be told, and there are {numbers.count(row.n)}"
        )
    groups = numbers.counted(row.groups, "group")
    return f"these {numbers.count(row.n)} items come in {groups}, and with fewer than {least} no difference can be told"
