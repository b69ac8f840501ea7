"""What scoring leaves behind, item by item, and what is computed from it: values with errors, paired differences.

Nearly every metric is a ratio of two sums over items: bits over bytes, right answers over questions. One formula then
gives the standard error (clustered by the items' groups), the interval, and the paired comparison. The others (F1, MCC,
perplexity, BLEU) are some statistic of sums over items, and have the same by resampling.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from ontogeny.evaluate.trust import Contamination, OrderEffects, Phrasings, Spotted
from ontogeny.statistics.errors import LEAST_GROUPS, ratio_standard_error
from ontogeny.statistics.intervals import CONFIDENCE, Interval, around, wilson
from ontogeny.statistics.multiple import holm
from ontogeny.statistics.paired import (
    SIGNIFICANCE,
    bootstrap_ratio,
    mcnemar,
    minimum_detectable_effect,
    paired_proportions,
    sign_flip_test,
)
from ontogeny.statistics.summed import bootstrap_statistic, spread, summed_by_group, swap_test
from ontogeny.tasks.metrics import METRICS, STATISTICS

LOWER_IS_BETTER = frozenset(kind.name for kind in METRICS.values() if kind.higher_is_better is False)
WITHOUT_DIRECTION = frozenset(kind.name for kind in METRICS.values() if kind.higher_is_better is None)
RESAMPLING_SEED = 0  # of intervals that belong to one model: the same draws whoever asks
Floats: TypeAlias = npt.NDArray[np.float64]
Verdict = Literal["better", "worse", "undecided"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ItemScore(_Record):
    """What one metric made of an item: `top / bottom` where it is a ratio; else the first of its summands over 1."""

    metric: str
    top: float
    bottom: float


class ItemRow(_Record):
    """One item as one model met it: a row of `items.parquet`. What a suite does not know stays None."""

    suite: str
    type: str
    model: str
    form: str | None
    item: str
    group: str
    prompt: str | None = None
    choices: tuple[str, ...] | None = None
    gold: int | None = None
    logprobs: tuple[float, ...] | None = None
    neutral_logprobs: tuple[float, ...] | None = None
    chosen: int | None = None
    correct: bool | None = None
    bits: float | None = None
    bytes: int | None = None
    output: str | None = None
    reference: str | None = None
    finish_reason: str | None = None
    task: str | None = None
    greedy: tuple[bool, ...] | None = None
    tokens: tuple[int, ...] | None = None
    outputs: tuple[str, ...] | None = None
    references: tuple[str, ...] | None = None
    seconds: float | None = None
    scores: tuple[ItemScore, ...] | None = None
    contaminated: bool | None = None
    """Whether the model has learnt from a text in which the item stands; None where nothing was searched."""
    spotted: tuple[Spotted, ...] | None = None


class Metric(_Record):
    """A metric of one model in one form: its value on each item is `tops[i] / bottoms[i]`.

    Where it is no ratio, `tops` and `bottoms` are empty: the statistic of that name is computed from the sum of
    `summands`, a row for each item.
    """

    name: str
    form: str | None
    items: tuple[str, ...]
    groups: tuple[str, ...]
    tops: tuple[float, ...]
    bottoms: tuple[float, ...]
    statistic: str = "ratio"
    summands: tuple[tuple[float, ...], ...] = ()
    strata: tuple[str, ...] = ()
    """Of a group of tasks, the task of each item: that tasks differ is no error of the group's value."""

    @property
    def value(self) -> float:
        """The metric over all items."""
        if self.summands:
            return float(STATISTICS[self.statistic](self.sums().sum(0)))
        return math.fsum(self.tops) / math.fsum(self.bottoms)

    def sums(self) -> Floats:
        """(G, K) summands of each group."""
        return summed_by_group(self.summands, self.groups)


class Reported(_Record):
    """A value of a part of a suite that another program computed, with the error it gives."""

    part: str
    metric: str
    form: str | None
    value: float
    stderr: float | None
    n: int


class Scores(_Record):
    """One model on one suite. `counts` tells what happened to items on the way (truncated, left out)."""

    suite: str
    metrics: tuple[Metric, ...] = ()
    rows: tuple[ItemRow, ...] = ()
    counts: dict[str, int] = {}
    figures: dict[str, float] = {}
    """Figures of the data, the same for every model: `chance`, `xz_bits_per_byte`; and `contaminated`, the share of
    items in what this model has learnt from."""
    slices: dict[str, tuple[str, ...]] = {}
    """Parts of the items, by name, that have results of their own: the tasks of a group, languages, lengths."""
    variants: dict[str, tuple[Metric, ...]] = {}
    """The same metrics on the same items, asked otherwise: with typing errors, in capitals."""
    contamination: Contamination | None = None
    order: OrderEffects | None = None
    phrasings: Phrasings | None = None

    reported: tuple[Reported, ...] = ()
    """What another program measured."""
    company: float | None = None
    """Largest difference in nats between the score of a request among others and by itself, of the few tried."""

    def metric(self, name: str, form: str | None) -> Metric:
        """The metric of that name and form."""
        return next(metric for metric in self.metrics if metric.name == name and metric.form == form)

    def forms(self) -> tuple[str | None, ...]:
        """The forms the model was asked in, in the order of asking."""
        return tuple(dict.fromkeys(metric.form for metric in self.metrics))


class Result(_Record):
    """A metric's value with its error, 95% interval (both None for a single group), items and groups.

    Of several trainings of one recipe it is their mean; `between` is the standard deviation between them.
    """

    task: str
    metric: str
    model: str
    form: str | None
    value: float
    stderr: float | None
    ci95: tuple[float, float] | None
    n: int
    groups: int
    seeds: int = 1
    between: float | None = None


class CurvePoint(Result):
    """The primary metric of a suite after a step of the model's training."""

    step: int


class Comparison(_Record):
    """Two models on the same items. `difference` is a less b; `detectable`, what the test would find 4 times of 5.

    `p_adjusted` is the p-value among all those asked at once (`with_verdicts`), and the verdict follows from it.
    """

    task: str
    metric: str
    model_a: str
    model_b: str
    form_a: str | None
    form_b: str | None
    a: float
    b: float
    difference: float
    ci95: tuple[float, float] | None
    p_value: float
    test: Literal["mcnemar-mid-p", "sign-flip", "swap", "seeds-t"]
    detectable: float | None
    n: int
    groups: int
    p_adjusted: float | None = None
    verdict: Verdict | None = None

    @property
    def improvement(self) -> float:
        """How much better a is than b; negative where it is worse."""
        return -self.difference if lower_is_better(self.metric) else self.difference


def lower_is_better(metric: str) -> bool:
    """Whether small values of a result are good; it may be labelled by a filter or a form: `name,filter[form]`."""
    return _bare(metric) in LOWER_IS_BETTER


def _bare(metric: str) -> str:
    return metric.split("[")[0].split(",")[0]


def result(task: str, model: str, metric: Metric, *, label: str, confidence: float = CONFIDENCE) -> Result:
    """The metric's value and its uncertainty; `label` is the name it is reported under.

    The interval is of `confidence`, which is 95% in all that is kept; a gate may ask for another.
    """
    groups = len(set(metric.groups))
    stderr: float | None = None
    bounds: Interval | None = None
    if groups >= LEAST_GROUPS and metric.summands:
        drawn = bootstrap_statistic(metric.sums(), STATISTICS[metric.statistic], seed=RESAMPLING_SEED)
        stderr, bounds = spread(drawn, confidence=confidence)
    elif groups >= LEAST_GROUPS:
        stderr = ratio_standard_error(metric.tops, metric.bottoms, metric.groups, metric.strata or None)
        bounds = _interval(metric, stderr, groups, confidence)
    return Result(
        task=task, metric=label, model=model, form=metric.form, value=metric.value, stderr=stderr, ci95=bounds,
        n=len(metric.items), groups=groups,
    )  # fmt: skip


def _interval(metric: Metric, stderr: float, groups: int, confidence: float) -> Interval:
    """Student's t for ratios; for proportions Wilson's, with as many trials as the clustered error is worth."""
    if not _is_proportion(metric):
        return around(metric.value, stderr, degrees=groups - 1, confidence=confidence)
    share, n = metric.value, len(metric.items)
    trials = min(float(n), share * (1 - share) / stderr**2) if stderr > 0 else float(groups)
    return wilson(share * trials, trials, confidence=confidence)


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

    Right-or-wrong items that are all independent take McNemar's test; anything else flips the sign of whole groups. The
    interval is of `confidence`, as in `result`.
    """  # fmt: skip
    a, b = common((metric_a, metric_b))
    if a.summands:
        return _compare_summed(
            task, a, b, model_a=model_a, model_b=model_b, label=label, seed=seed, confidence=confidence
        )
    differences = [top_a - top_b for top_a, top_b in zip(a.tops, b.tops, strict=True)]
    groups = len(set(a.groups))
    enough = groups >= LEAST_GROUPS
    independent = _is_proportion(a) and groups == len(a.items)
    error = ratio_standard_error(differences, a.bottoms, a.groups, a.strata or None) if enough else None
    bounds: Interval | None = None
    if independent:
        discordant = differences.count(1.0), differences.count(-1.0)
        p_value = mcnemar(*discordant).mid_p
        bounds = paired_proportions(*discordant, len(differences), confidence=confidence)
    else:
        p_value = sign_flip_test(differences, a.groups, seed=seed)
        if enough:
            bounds = bootstrap_ratio(differences, a.bottoms, a.groups, seed=seed, confidence=confidence)
    return Comparison(
        task=task, metric=label, model_a=model_a, model_b=model_b, form_a=a.form, form_b=b.form, a=a.value, b=b.value,
        difference=a.value - b.value,
        ci95=bounds,
        p_value=p_value,
        test="mcnemar-mid-p" if independent else "sign-flip",
        detectable=None if error is None else minimum_detectable_effect(error),
        n=len(a.items), groups=groups,
    )  # fmt: skip


def _compare_summed(
    task: str, a: Metric, b: Metric, *, model_a: str, model_b: str, label: str, seed: int, confidence: float
) -> Comparison:
    """As `compare`, of a statistic of sums: whole groups are drawn for the interval, and swapped for the test."""
    statistic, (sums_a, sums_b) = STATISTICS[a.statistic], (a.sums(), b.sums())
    groups = len(sums_a)
    error, bounds = None, None
    if groups >= LEAST_GROUPS:
        drawn = bootstrap_statistic(np.stack([sums_a, sums_b]), statistic, seed=seed)  # (R, 2)
        error, bounds = spread(drawn[:, 0] - drawn[:, 1], confidence=confidence)
    return Comparison(
        task=task, metric=label, model_a=model_a, model_b=model_b, form_a=a.form, form_b=b.form, a=a.value, b=b.value,
        difference=a.value - b.value, ci95=bounds, p_value=swap_test(sums_a, sums_b, statistic, seed=seed),
        test="swap", detectable=None if error is None else minimum_detectable_effect(error), n=len(a.items),
        groups=groups,
    )  # fmt: skip


def with_verdicts(comparisons: Sequence[Comparison], primary: Container[tuple[str, str]]) -> list[Comparison]:
    """The same with adjusted p-values and verdicts: is model a better, worse, or can these items not tell?

    What was chosen beforehand, the `primary` (task, metric) of each suite, is one family of tests; everything else
    that was measured as well is another, so that many metrics do not dilute the few that count. A metric that
    has no better side, such as a length, stays undecided.
    """
    judged = list(comparisons)
    for chosen in (True, False):
        places = [at for at, one in enumerate(judged) if ((one.task, one.metric) in primary) == chosen]
        for at, p_value in zip(places, holm([judged[at].p_value for at in places]), strict=True):
            verdict = _verdict(judged[at], p_value)
            judged[at] = judged[at].model_copy(update={"p_adjusted": p_value, "verdict": verdict})
    return judged


def _verdict(one: Comparison, p_value: float) -> Verdict:
    if p_value >= SIGNIFICANCE or one.improvement == 0 or _bare(one.metric) in WITHOUT_DIRECTION:
        return "undecided"
    return "better" if one.improvement > 0 else "worse"


def common(metrics: Sequence[Metric]) -> list[Metric]:
    """The metrics on the items that all of them have, in the order of the first."""
    shared = set(metrics[0].items).intersection(*(metric.items for metric in metrics))
    order = [item for item in metrics[0].items if item in shared]
    taken = []
    for metric in metrics:
        places = {item: place for place, item in enumerate(metric.items)}
        taken.append(_taken(metric, [places[item] for item in order]))
    return taken


def on_items(metric: Metric, items: Container[str]) -> Metric:
    """The metric on some of its items."""
    return _taken(metric, [place for place, item in enumerate(metric.items) if item in items])


def _taken(metric: Metric, places: Sequence[int]) -> Metric:
    taken = {
        name: tuple(values[place] for place in places) if values else ()
        for name in ("items", "groups", "tops", "bottoms", "summands", "strata")
        for values in [getattr(metric, name)]
    }
    return metric.model_copy(update=taken)


def _is_proportion(metric: Metric) -> bool:
    return (
        bool(metric.tops)
        and all(bottom == 1.0 for bottom in metric.bottoms)
        and set(metric.tops) <= {0.0, 1.0}
    )
