"""What scoring leaves behind, item by item, and the forms of what is computed from it (`evaluate.uncertainty`)."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from ontogeny.evaluate.trust import Contamination, Judged, OrderEffects, Phrasings, Spotted
from ontogeny.statistics.multiple import holm
from ontogeny.statistics.paired import SIGNIFICANCE
from ontogeny.statistics.summed import summed_by_group
from ontogeny.tasks.metrics import STATISTICS, kind_of_result

Floats: TypeAlias = npt.NDArray[np.float64]
Verdict = Literal["better", "worse", "undecided"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ItemScore(_Record):
    """What one metric made of an item: `top / bottom`. A metric that only many items have a value of makes nothing."""

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
    """Whether the model has learnt from a text in which the item stands; None where nothing was searched, or where the
    item is too short to be told."""
    spotted: tuple[Spotted, ...] | None = None
    row: int | None = None
    """Its number in the data of its task, from 1."""


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
    judged: Judged | None = None
    """What a judge made of this model's answers and the baseline's."""
    reported: tuple[Reported, ...] = ()
    """What another program measured."""
    company: float | None = None
    """Largest difference in nats between the score of a request among others and by itself, of the few tried."""

    def metric(self, name: str, form: str | None) -> Metric:
        """The metric of that name and form."""
        return next(metric for metric in self.metrics if metric.name == name and metric.form == form)

    def has(self, name: str) -> bool:
        """Whether there is a metric of that name: what judges say is of the model and the baseline alone."""
        return any(metric.name == name for metric in self.metrics)

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

    @property
    def is_doubtful(self) -> bool:
        """Whether the interval holds 0 whatever the test says.

        Flipping signs and swapping test whether models can be told apart, which they can be by more than the size of
        this value. McNemar's test and its interval ask the same.
        """
        return self.test != "mcnemar-mid-p" and self.ci95 is not None and self.ci95[0] <= 0.0 <= self.ci95[1]


def lower_is_better(metric: str) -> bool:
    """Whether small values of a result are good; it may be labelled by a filter or a form: `name,filter[form]`."""
    kind = kind_of_result(bare(metric))
    return kind is not None and kind.higher_is_better is False


def bare(metric: str) -> str:
    """The name of a metric in a label `name,filter[form]`."""
    return metric.split("[")[0].split(",")[0]


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
    kind = kind_of_result(bare(one.metric))
    directed = one.improvement != 0 and (kind is None or kind.higher_is_better is not None)
    if p_value >= SIGNIFICANCE or not directed or one.is_doubtful:
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
