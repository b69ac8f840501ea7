"""Standard errors of means and of ratios, for independent values and for values that come in groups.

Items of one document are alike, so they count for less than as many independent ones: the clustered error of
a mean can be several times the naive one (Miller, "Adding Error Bars to Evals", arXiv 2411.00640). A mean is
the ratio of a sum to a count, so one formula serves both; it is the linearised (delta-method) error with the
small-sample factor G/(G-1) for G groups. With every value a group of its own it is the textbook sd/sqrt(n).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

LEAST_GROUPS = 2  # below this there is no spread to estimate an error from


def standard_error(values: Sequence[float], groups: Sequence[Hashable] | None = None) -> float:
    """Standard error of the mean of `values`, clustered by `groups` where given.

    Raises:
        ValueError: fewer than two values or groups.
    """
    return ratio_standard_error(values, [1.0] * len(values), groups)


def ratio_standard_error(
    numerators: Sequence[float],
    denominators: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    strata: Sequence[Hashable] | None = None,
) -> float:
    """Standard error of sum(numerators) / sum(denominators), clustered by `groups` where given.

    Bits per byte of a corpus is such a ratio: long documents weigh more than short ones. `strata` are parts that were
    not drawn but chosen, such as the tasks of a benchmark: that they differ is no error, so values are held against
    the ratio of their own stratum (Cochran 1977, chapter 5), and each stratum has the factor of its own groups. Where
    one has a single group, nothing is known of its spread, and all count as one stratum.

    Raises:
        ValueError: fewer than two groups, or denominators that sum to nothing.
    """
    total = math.fsum(denominators)
    if total <= 0:
        raise ValueError("the denominators sum to nothing")
    clusters: Sequence[Hashable] = range(len(numerators)) if groups is None else groups
    if len(set(clusters)) < LEAST_GROUPS:
        raise ValueError(f"a standard error needs at least two {'values' if groups is None else 'groups'}")
    places = _places([None] * len(clusters) if strata is None else strata)
    if any(len({clusters[place] for place in part}) < LEAST_GROUPS for part in places):
        places = [list(range(len(clusters)))]
    residuals = [0.0] * len(clusters)
    for part in places:
        ratio = math.fsum(numerators[place] for place in part) / math.fsum(
            denominators[place] for place in part
        )
        count = len({clusters[place] for place in part})
        for place in part:
            residuals[place] = (numerators[place] - ratio * denominators[place]) * math.sqrt(
                count / (count - 1)
            )
    return math.sqrt(math.fsum(value * value for value in group_sums(residuals, clusters))) / total


def ratio_difference_error(
    a: tuple[Sequence[float], Sequence[float]],
    b: tuple[Sequence[float], Sequence[float]],
    groups: Sequence[Hashable] | None = None,
    strata: Sequence[Hashable] | None = None,
) -> float:
    """Standard error of the difference of two ratios, (numerators, denominators) each, of the same values; paired.

    Either side is linearised around its own ratio, since denominators may be a model's own: the words that it wrote.

    Raises:
        ValueError: as `ratio_standard_error`.
    """
    (tops_a, bottoms_a), (tops_b, bottoms_b) = a, b
    total_a, total_b = math.fsum(bottoms_a), math.fsum(bottoms_b)
    if total_a <= 0 or total_b <= 0:
        raise ValueError("the denominators sum to nothing")
    ratio_a, ratio_b = math.fsum(tops_a) / total_a, math.fsum(tops_b) / total_b
    residuals = [
        (top_a - ratio_a * bottom_a) - (top_b - ratio_b * bottom_b) * total_a / total_b
        for top_a, bottom_a, top_b, bottom_b in zip(tops_a, bottoms_a, tops_b, bottoms_b, strict=True)
    ]
    return ratio_standard_error(residuals, bottoms_a, groups, strata)


def _places(strata: Sequence[Hashable]) -> list[list[int]]:
    """Where the values of each stratum are."""
    places: dict[Hashable, list[int]] = {}
    for place, stratum in enumerate(strata):
        places.setdefault(stratum, []).append(place)
    return list(places.values())


def group_sums(values: Sequence[float], groups: Sequence[Hashable] | None) -> list[float]:
    """The sum of each group's values, in the order in which the groups first appear."""
    if groups is None:
        return [float(value) for value in values]
    members: dict[Hashable, list[float]] = {}
    for value, group in zip(values, groups, strict=True):
        members.setdefault(group, []).append(value)
    return [math.fsum(group) for group in members.values()]
