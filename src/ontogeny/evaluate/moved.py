"""Which items moved a metric, and on how many one model was better than another: what a gate says of its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ontogeny.evaluate.scores import Floats, Metric, common
from ontogeny.tasks.metrics import STATISTICS

MOST_ITEMS = 20  # enough to read, few enough for a manifest
OF_ONE_ITEM = frozenset({"ratio", "perplexity"})  # statistics that mean something of a single item


class Moved(NamedTuple):
    """In words, and the items that speak most against the model, the strongest first."""

    told: str
    lost: tuple[str, ...]


def pulling(metrics: Sequence[Metric], *, wants_more: bool) -> tuple[str, ...]:
    """The items that pull the metric the wrong way, the strongest first; the mean over trainings."""
    pulls = np.mean([_influences(metric) for metric in metrics], axis=0)
    return _wrong(dict(zip(metrics[0].items, pulls.tolist(), strict=True)), wants_more=wants_more)


def moved_items(metrics: Sequence[Metric], others: Sequence[Metric], *, wants_more: bool) -> Moved:
    """What the items both sides have say of the first side; several trainings count by their means."""
    shared = common([*metrics, *others])
    own, theirs = shared[: len(metrics)], shared[len(metrics) :]
    pulls = np.mean([_exchanged(a, b) for a in own for b in theirs], axis=0)
    lost = _wrong(dict(zip(own[0].items, pulls.tolist(), strict=True)), wants_more=wants_more)
    if own[0].statistic not in OF_ONE_ITEM:
        return Moved("", lost)
    ahead = np.mean([_of_items(metric) for metric in own], axis=0) - np.mean(
        [_of_items(metric) for metric in theirs], axis=0
    )
    ahead = np.nan_to_num(ahead if wants_more else -ahead)
    worse, better = int((ahead < 0).sum()), int((ahead > 0).sum())
    return Moved(f"; worse on {worse:,} of {len(ahead):,} items, better on {better:,}", lost)


def _rows(metric: Metric) -> Floats:
    """(N, K) summands of each item; of a ratio its top and its bottom."""
    return np.array(metric.summands or [*zip(metric.tops, metric.bottoms, strict=True)], dtype=np.float64)


def _of_items(metric: Metric) -> Floats:
    """(N,) the metric on each item by itself."""
    return STATISTICS[metric.statistic](_rows(metric))


def _influences(metric: Metric) -> Floats:
    """(N,) what leaving each item out would take away."""
    rows = _rows(metric)
    value = metric.value
    return value - np.nan_to_num(STATISTICS[metric.statistic](rows.sum(0) - rows), nan=value)


def _exchanged(a: Metric, b: Metric) -> Floats:
    """(N,) what `a` would lose if it had done on an item what `b` did there."""
    rows, others = _rows(a), _rows(b)
    value = a.value
    return value - np.nan_to_num(STATISTICS[a.statistic](rows.sum(0) - rows + others), nan=value)


def _wrong(pulls: Mapping[str, float], *, wants_more: bool) -> tuple[str, ...]:
    sign = 1.0 if wants_more else -1.0
    wrong = sorted((item for item in pulls if sign * pulls[item] < 0), key=lambda item: sign * pulls[item])
    return tuple(wrong[:MOST_ITEMS])
