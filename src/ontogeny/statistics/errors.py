"""Standard errors of means and of ratios, for independent values and for values that come in groups.

Items of one document are alike, so they count for less than as many independent ones: the clustered error of
a mean can be several times the naive one (Miller, "Adding Error Bars to Evals", arXiv 2411.00640). A mean is
the ratio of a sum to a count, so one formula serves both; it is the linearised (delta-method) error with the
small-sample factor G/(G-1) for G groups. With every value a group of its own it is the textbook sd/sqrt(n).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence


def standard_error(values: Sequence[float], groups: Sequence[Hashable] | None = None) -> float:
    """Standard error of the mean of `values`, clustered by `groups` where given.

    Raises:
        ValueError: fewer than two values or groups.
    """
    return ratio_standard_error(values, [1.0] * len(values), groups)


def ratio_standard_error(
    numerators: Sequence[float], denominators: Sequence[float], groups: Sequence[Hashable] | None = None
) -> float:
    """Standard error of sum(numerators) / sum(denominators), clustered by `groups` where given.

    Bits per byte of a corpus is such a ratio: long documents weigh more than short ones.

    Raises:
        ValueError: fewer than two groups, or denominators that sum to nothing.
    """
    total = math.fsum(denominators)
    if total <= 0:
        raise ValueError("the denominators sum to nothing")
    ratio = math.fsum(numerators) / total
    residuals = [top - ratio * bottom for top, bottom in zip(numerators, denominators, strict=True)]
    sums = group_sums(residuals, groups)
    count = len(sums)
    if count < 2:
        raise ValueError(f"a standard error needs at least two {'values' if groups is None else 'groups'}")
    return math.sqrt(count / (count - 1) * math.fsum(value * value for value in sums)) / total


def group_sums(values: Sequence[float], groups: Sequence[Hashable] | None) -> list[float]:
    """The sum of each group's values, in the order in which the groups first appear."""
    if groups is None:
        return [float(value) for value in values]
    members: dict[Hashable, list[float]] = {}
    for value, group in zip(values, groups, strict=True):
        members.setdefault(group, []).append(value)
    return [math.fsum(group) for group in members.values()]
