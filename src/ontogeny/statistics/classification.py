"""How good predictions of one label out of K are: per class, averaged over classes, and as probabilities.

Averages over classes are over those that the gold labels or the predictions name, as scikit-learn has them; a ratio
without a denominator counts as 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_PROBABILITY = (
    1e-15  # what a probability of 0 counts as in a log loss; scikit-learn before 1.3 used the same
)


@dataclass(frozen=True)
class ClassScores:
    """One class against the others; `support` counts the examples whose gold label it is."""

    precision: float
    recall: float
    f1: float
    support: int


def confusion_matrix(gold: Ints, predicted: Ints, classes: int) -> Ints:
    """Counts (K, K) by gold label (rows) and predicted label (columns), from labels (N,) below K."""
    return np.bincount(gold * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def per_class(confusion: Ints) -> tuple[ClassScores, ...]:
    """Precision, recall and F1 of each class of a confusion matrix (K, K)."""
    scores = []
    for right, said, support in zip(
        confusion.diagonal().tolist(), confusion.sum(0).tolist(), confusion.sum(1).tolist(), strict=True
    ):
        f1 = 2 * right / (said + support) if said + support else 0.0
        scores.append(
            ClassScores(right / said if said else 0.0, right / support if support else 0.0, f1, support)
        )
    return tuple(scores)


def macro_f1(confusion: Ints) -> float:
    """The mean of the F1 of the classes that occur as a gold label or a prediction."""
    occurs = (confusion.sum(0) + confusion.sum(1)) > 0
    return float(np.mean([each.f1 for each, does in zip(per_class(confusion), occurs, strict=True) if does]))


def weighted_f1(confusion: Ints) -> float:
    """The mean of the F1 of the classes, each weighted by its support."""
    return math.fsum(each.f1 * each.support for each in per_class(confusion)) / int(confusion.sum())


def matthews(confusion: Ints) -> float:
    """Matthews' correlation coefficient for K classes (Gorodkin 2004, "R_K"); 0 where one side is constant."""
    counts = confusion.astype(np.float64)
    total, right = counts.sum(), np.trace(counts)
    gold, said = counts.sum(1), counts.sum(0)
    scale = math.sqrt((total**2 - said @ said) * (total**2 - gold @ gold))
    return float((right * total - gold @ said) / scale) if scale > 0 else 0.0


def brier(probabilities: Floats, gold: Ints) -> float:
    """Brier's score (1950): the mean squared distance of probabilities (N, K) from one-hot labels; between 0 and 2."""
    distance = probabilities.copy()
    distance[np.arange(len(gold)), gold] -= 1
    return float((distance**2).sum(1).mean())


def log_loss(probabilities: Floats, gold: Ints) -> float:
    """The mean of -ln p(gold) in nats, for probabilities (N, K) and labels (N,)."""
    right = probabilities[np.arange(len(gold)), gold]
    return float(-np.log(np.maximum(right, LEAST_PROBABILITY)).mean())
