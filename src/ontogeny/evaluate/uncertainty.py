"""From items to values with their errors and intervals, and to differences of two models with a test.

Nearly every metric is a ratio of two sums over items: bits over bytes, right answers over questions. One formula then
gives the standard error, clustered by the items' groups. The others (F1, MCC, perplexity, BLEU) are some statistic of
sums over items, and have theirs by resampling. Intervals follow from the error and from where the metric can lie at
all; how well they hold what they promise is measured in tests/evaluate/test_coverage.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from ontogeny.evaluate.scores import Comparison, Metric, Result, bare, common
from ontogeny.statistics.errors import LEAST_GROUPS, ratio_difference_error, ratio_standard_error
from ontogeny.statistics.intervals import (
    CONFIDENCE,
    Interval,
    around,
    around_positive,
    around_share,
    wilson,
)
from ontogeny.statistics.paired import (
    LEAST_DISCORDANT,
    mcnemar,
    mean_above,
    minimum_detectable_effect,
    paired_proportions,
    proportion_above,
    sign_flip_test,
)
from ontogeny.statistics.summed import bootstrap_statistic, resampled_error, summed_by_group, swap_test
from ontogeny.tasks.metrics import STATISTICS, kind_of_result

RESAMPLING_SEED = 0  # of intervals that belong to one model: the same draws whoever asks
ROUNDED = 1 + 1e-9  # what a share may be above 1 by rounding
CORRELATIONS = frozenset({"mcc"})  # between -1 and 1


def limits(metric: Metric) -> tuple[float, float]:
    """Between which values the metric lies, whatever the items."""
    name = bare(metric.name)
    if name in CORRELATIONS:
        return -1.0, 1.0
    low = 0.0 if all(top >= 0 for top in metric.tops) else -math.inf
    kind = kind_of_result(name)
    is_share = (kind is not None and kind.share) or is_proportion(metric)
    beyond = any(top > bottom * ROUNDED for top, bottom in zip(metric.tops, metric.bottoms, strict=True))
    return low, (1.0 if is_share and not beyond else math.inf)


def result(task: str, model: str, metric: Metric, *, label: str, confidence: float = CONFIDENCE) -> Result:
    """The metric's value and its uncertainty; `label` is the name it is reported under.

    The interval is of `confidence`, which is 95% in all that is kept; a gate may ask for another.
    """
    groups = len(set(metric.groups))
    stderr: float | None = None
    bounds: Interval | None = None
    if groups >= LEAST_GROUPS:
        if metric.summands:
            drawn = bootstrap_statistic(metric.sums(), STATISTICS[metric.statistic], seed=RESAMPLING_SEED)
            stderr = resampled_error(drawn, groups)
        else:
            stderr = ratio_standard_error(metric.tops, metric.bottoms, metric.groups, metric.strata or None)
        bounds = _interval(metric, metric.value, stderr, groups, confidence)
    return Result(
        task=task, metric=label, model=model, form=metric.form, value=metric.value, stderr=stderr, ci95=bounds,
        n=len(metric.items), groups=groups,
    )  # fmt: skip


def _interval(metric: Metric, value: float, error: float, groups: int, confidence: float) -> Interval | None:
    """One that stays where the metric can lie; None where it has no value, or nothing varies and so nothing is known.

    Of proportions Wilson's, with as many trials as the clustered error is worth; else Student's t, of shares for the
    logarithm of their odds, and of perplexities for that of their value.
    """
    if not math.isfinite(value):
        return None
    low, high = limits(metric)
    if is_proportion(metric):
        n = len(metric.items)
        trials = _trials(value, error, n, groups)
        degrees = None if groups == n else groups - 1
        return wilson(value * trials, trials, degrees=degrees, confidence=confidence)
    if math.isfinite(high - low):
        width = high - low
        share = min(max((value - low) / width, 0.0), 1.0)  # sums of floats may be off by a last digit
        ends = around_share(share, error / width, groups=groups, confidence=confidence)
        return Interval(*(low + width * end for end in ends))
    if error == 0.0:
        return None
    if metric.summands and value > 0:
        return around_positive(value, error, degrees=groups - 1, confidence=confidence)
    ends = around(value, error, degrees=groups - 1, confidence=confidence)
    return Interval(*(min(max(end, low), high) for end in ends))


def compare(
    task: str,
    metric_a: Metric,
    metric_b: Metric,
    *,
    model_a: str,
    model_b: str,
    label: str,
    seed: int,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Compare two models on the items that both have.

    Right-or-wrong items that are all independent take McNemar's test and the interval that belongs to it. Where both
    are ratios over the same denominators, the sign of whole groups' differences is flipped; anything else swaps whole
    groups between the models; and the interval is Student's t. It is of `confidence`, as in `result`.
    """  # fmt: skip
    a, b = common((metric_a, metric_b))
    groups, n = len(set(a.groups)), len(a.items)
    difference = a.value - b.value
    test: Literal["mcnemar-mid-p", "sign-flip", "swap"]
    error, bounds, detectable = None, None, None
    if groups >= LEAST_GROUPS:
        error = _error_of_difference(a, b, seed)
        (low_a, high_a), (low_b, high_b) = limits(a), limits(b)
        width = max(high_a, high_b) - min(low_a, low_b)
        bounds = _interval_of_difference(difference, error, width, groups, confidence)
    if is_proportion(a) and is_proportion(b) and groups == n:
        signs = [top_a - top_b for top_a, top_b in zip(a.tops, b.tops, strict=True)]
        discordant = signs.count(1.0), signs.count(-1.0)
        test, p_value = "mcnemar-mid-p", mcnemar(*discordant).mid_p
        bounds = paired_proportions(*discordant, n, confidence=confidence)
        detectable = max(minimum_detectable_effect(error), LEAST_DISCORDANT / n) if error else None
    else:
        test, p_value = _tested(a, b, seed)
        detectable = minimum_detectable_effect(error, degrees=groups - 1) if error else None
    return Comparison(
        task=task, metric=label, model_a=model_a, model_b=model_b, form_a=a.form, form_b=b.form, a=a.value, b=b.value,
        difference=difference, ci95=bounds, p_value=p_value, test=test, detectable=detectable, n=n, groups=groups,
    )  # fmt: skip


def _error_of_difference(a: Metric, b: Metric, seed: int) -> float:
    """The standard error of a less b on the same items."""
    if a.summands:
        drawn = bootstrap_statistic(
            np.stack([a.sums(), b.sums()]), STATISTICS[a.statistic], seed=seed
        )  # (R, 2)
        return resampled_error(drawn[:, 0] - drawn[:, 1], len(set(a.groups)))
    return ratio_difference_error((a.tops, a.bottoms), (b.tops, b.bottoms), a.groups, a.strata or None)


def _interval_of_difference(
    difference: float, error: float, width: float, groups: int, confidence: float
) -> Interval | None:
    """Student's t, within the `width` that two such values can differ by; None where one has no value.

    Where all groups differ alike, that none of a few differed otherwise does not show that none would: of what has
    limits it is the interval of as many pairs that agree; of what has none, nothing is known unless all are equal.
    """
    if not math.isfinite(difference):
        return None
    if error > 0.0:
        ends = around(difference, error, degrees=groups - 1, confidence=confidence)
    elif math.isfinite(width):
        ends = paired_proportions(0, 0, groups, confidence=confidence)
        ends = Interval(difference + width * ends.low, difference + width * ends.high)
    else:
        return Interval(0.0, 0.0) if difference == 0.0 else None
    return Interval(*(min(max(end, -width), width) for end in ends))


def _tested(a: Metric, b: Metric, seed: int) -> tuple[Literal["sign-flip", "swap"], float]:
    """The test of groups, and its p-value."""
    if a.summands:
        return "swap", swap_test(a.sums(), b.sums(), STATISTICS[a.statistic], seed=seed)
    if a.bottoms == b.bottoms:
        differences = [top_a - top_b for top_a, top_b in zip(a.tops, b.tops, strict=True)]
        return "sign-flip", sign_flip_test(differences, a.groups, seed=seed)
    sums_a, sums_b = (
        summed_by_group([*zip(one.tops, one.bottoms, strict=True)], one.groups) for one in (a, b)
    )
    return "swap", swap_test(sums_a, sums_b, STATISTICS[a.statistic], seed=seed)


def p_above(found: Result, metrics: Sequence[Metric], reference: float) -> float:
    """One-sided p-value of "not above `reference`" for what `result` made of the trainings' `metrics`.

    Exact for answers that are right or wrong, with as many trials as a clustered error is worth; else Student's t. What
    shows no spread, as few items may, is held against the spread that guessing has.
    """
    if found.stderr is None:
        return 1.0
    if len(metrics) == 1 and is_proportion(metrics[0]):
        trials = _trials(found.value, found.stderr, found.n, found.groups)
        return proportion_above(found.value * trials, trials, reference)
    guessing = math.sqrt(max(0.0, reference * (1 - reference)) / found.groups)
    error = max(found.stderr, guessing if found.stderr == 0.0 else 0.0)
    return mean_above(found.value, reference, error, degrees=found.groups - 1)


def _trials(share: float, error: float, n: int, groups: int) -> float:
    """How many independent answers these are worth, of which whole groups may agree."""
    if groups == n:
        return float(n)
    return min(float(n), share * (1 - share) / error**2) if error > 0 else float(groups)


def is_proportion(metric: Metric) -> bool:
    """Whether every item is right or wrong, and counts one."""
    return (
        bool(metric.tops)
        and all(bottom == 1.0 for bottom in metric.bottoms)
        and set(metric.tops) <= {0.0, 1.0}
    )
