"""Whether a model is as often right as it is sure: its probabilities of choices against what was right.

A model is as sure as the softmax of its choices' log-probabilities says for the one it chose; the number knows nothing
of answers that are not among the choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ontogeny.statistics.calibration import BINS
from ontogeny.tasks.metrics.kind import Floats, Judgement, MetricKind, Statistic
from ontogeny.tasks.metrics.likelihood import CHOICE, chosen, logprobs, probabilities
from ontogeny.tasks.requests import Answer, Item


def confidence(values: Sequence[float]) -> float:
    """The probability of the likeliest choice, of log-probabilities."""
    return max(probabilities(values))


def _ece(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """Count, confidence and hit in the cells of the item's bin."""
    sure = confidence(logprobs(item, answer))
    row = np.zeros((3, BINS))
    row[:, min(int(sure * BINS), BINS - 1)] = (1.0, sure, chosen(item, answer) in item.gold)
    return {"ece": tuple(row.ravel().tolist())}


def _confidence(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    return {"confidence": (confidence(logprobs(item, answer)), 1.0)}


def ece(sums: Floats) -> Floats:
    """Expected calibration error of sums (..., 3 BINS): |confidence - hits| over bins, per item (arXiv 1706.04599)."""
    count, sure, hits = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, BINS), -2, 0)
    error: Floats = np.abs(sure - hits).sum(-1) / count.sum(-1)
    return error


METRICS = (
    MetricKind("ece", CHOICE, _ece, "ece", higher_is_better=False),
    MetricKind("confidence", CHOICE, _confidence, higher_is_better=None),
)
STATISTICS: Mapping[str, Statistic] = {"ece": ece}
