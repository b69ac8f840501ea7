"""Values of sums: what is computed once the items' summands (see `kind`) are added up.

Each takes sums (..., K) and gives values (...), so that thousands of resampled sums cost one call.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ontogeny.tasks.metrics.kind import Floats, Statistic


def ratio(sums: Floats) -> Floats:
    """The first sum over the second: means, shares, anything per something."""
    return _divided(sums[..., 0], sums[..., 1])


def perplexity(sums: Floats) -> Floats:
    """exp(a/b): of a cost in nats over items, words, bytes or tokens."""
    return np.exp(ratio(sums))


def _classes(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """(..., C) each: how often a class was chosen rightly, was right, was chosen; from sums (..., 3C)."""
    hits, right, chosen = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
    return hits, right, chosen


def _f1_by_class(sums: Floats) -> Floats:
    """(..., C) F1 of each class, 0 where there is nothing to divide by."""
    hits, right, chosen = _classes(sums)
    return np.nan_to_num(_divided(2 * hits, right + chosen))


def f1(sums: Floats) -> Floats:
    """F1 of the second of two classes, as scikit-learn's `f1_score` has it for labels 0 and 1."""
    return _f1_by_class(sums)[..., 1]


def macro_f1(sums: Floats) -> Floats:
    """The mean of F1 over the classes that occur, right or chosen."""
    _, right, chosen = _classes(sums)
    there = (right + chosen) > 0
    return _divided((_f1_by_class(sums) * there).sum(-1), there.sum(-1).astype(np.float64))


def weighted_f1(sums: Floats) -> Floats:
    """The mean of F1 over classes, each weighted by how often it is right."""
    _, right, _ = _classes(sums)
    return _divided((_f1_by_class(sums) * right).sum(-1), right.sum(-1))


def mcc(sums: Floats) -> Floats:
    """Matthews' correlation for any number of classes (Gorodkin 2004); 0 where one side never varies.

    What was chosen for no class is a class of its own that is never right.
    """
    hits, right, chosen = _classes(sums)
    total = right.sum(-1)
    nothing = total - chosen.sum(-1)
    covariance = hits.sum(-1) * total - (right * chosen).sum(-1)
    spread = (total**2 - (right**2).sum(-1)) * (total**2 - (chosen**2).sum(-1) - nothing**2)
    return np.nan_to_num(_divided(covariance, np.sqrt(np.maximum(spread, 0.0))))


def _divided(top: Floats, bottom: Floats) -> Floats:
    """Quotients; not a number where the bottom is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom == 0, np.nan, top / np.where(bottom == 0, 1.0, bottom))


STATISTICS: Mapping[str, Statistic] = {
    "ratio": ratio,
    "perplexity": perplexity,
    "f1": f1,
    "macro_f1": macro_f1,
    "weighted_f1": weighted_f1,
    "mcc": mcc,
}
