"""Probabilities that mean what they say: one temperature, by which all logits are divided.

It is the one with the least negative log-likelihood on held-out examples, which were neither trained nor tested on
(temperature scaling; Guo et al. 2017, arXiv 1706.04599, section 4.2). It never changes which label is the likeliest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ontogeny.model.head_kinds import HeadKind
from ontogeny.statistics.calibration import calibration_error, reliability

Floats = npt.NDArray[np.float64]
Gold = npt.NDArray[np.int64]

LIKELY = 0.5  # from which probability on a text has a label, where it may have several
LEAST, MOST = 0.02, 50.0  # beyond these probabilities are 0 and 1, or all alike, as far as anyone can tell


@dataclass(frozen=True)
class Calibrated:
    """How well probabilities fit a part of the examples. Brier's score is summed over classes, 0 to 2."""

    negative_log_likelihood: float
    expected_calibration_error: float
    brier: float


def probabilities_of(logits: Floats, kind: HeadKind, temperature: float) -> Floats:
    """Probabilities (N, K) of logits (N, K): of each label on its own for `multi-label`, else summing to one."""
    scaled = logits / temperature
    if kind == "multi-label":
        return np.exp(-np.logaddexp(0.0, -scaled))
    return np.exp(_log_softmax(scaled))


def fit_temperature(logits: Floats, gold: Gold, kind: HeadKind) -> float:
    """The temperature with the least negative log-likelihood of `gold`.

    Where the model is right about every example, colder is always likelier, and the likelihood says nothing of how much
    to trust it: then, as without examples, the temperature is 1.

    Args:
        logits: (N, K) of held-out examples.
        gold: (N,) classes, or (N, K) zeros and ones for `multi-label`.
    """
    from scipy.optimize import minimize_scalar

    if not len(logits) or _always_right(logits, gold, kind):
        return 1.0
    # The negative log-likelihood is convex in 1 / T, so it has one valley in log T too.
    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, gold, kind, math.exp(log_t)),
        bounds=(math.log(LEAST), math.log(MOST)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(math.exp(found.x))


def negative_log_likelihood(logits: Floats, gold: Gold, kind: HeadKind, temperature: float) -> float:
    """The mean of -ln p(gold), nats an example; for `multi-label` summed over the labels."""
    scaled = logits / temperature
    if kind == "multi-label":
        return float(np.logaddexp(0.0, np.where(gold == 1, -scaled, scaled)).sum(1).mean())
    return float(-_log_softmax(scaled)[np.arange(len(gold)), gold].mean())


def calibrated(logits: Floats, gold: Gold, kind: HeadKind, temperature: float) -> Calibrated:
    """How well the probabilities at `temperature` fit `gold`.

    The calibration error is that of the likeliest label's probability; for `multi-label` that of every label's.
    """
    probabilities = probabilities_of(logits, kind, temperature)
    if kind == "multi-label":
        wanted, said = gold, reliability(probabilities.ravel(), gold.ravel() == 1)
    else:
        wanted = np.eye(logits.shape[1], dtype=np.int64)[gold]
        said = reliability(probabilities.max(1), probabilities.argmax(1) == gold)
    return Calibrated(
        negative_log_likelihood=negative_log_likelihood(logits, gold, kind, temperature),
        expected_calibration_error=calibration_error(said),
        brier=float(((probabilities - wanted) ** 2).sum(1).mean()),
    )


def _always_right(logits: Floats, gold: Gold, kind: HeadKind) -> bool:
    if kind == "multi-label":
        return bool(((logits > 0) == (gold == 1)).all())
    return bool((logits.argmax(1) == gold).all())


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(1, keepdims=True)
    logs: Floats = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return logs
