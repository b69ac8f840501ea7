"""Probabilities that mean what they say: one temperature, by which all logits are divided.

It is the likeliest on held-out examples, which were neither trained nor tested on (temperature scaling; Guo et al.
2017, arXiv 1706.04599, section 4.2), and it never changes which label is the likeliest. With few mistakes among few
examples the likelihood alone says little, and may do harm. So the logarithm of the temperature has a normal prior
around that of 1, and the likeliest under both is taken (Bishop 2006, section 1.2.5; Platt 1999, section 2.2, guards the
fit of his two parameters by a prior too).
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
SPREAD = 0.5
"""Standard deviation of the prior of ln T: between 0.38 and 2.7 with 95%. Two labels, 95% right, drawn at temperatures
of 0.6, 1, 1.6 and 2.5: with 30 held-out examples the calibration error becomes 1.5%, 1.7%, 2.1% and 2.5% (by the
likelihood alone 2.7%, 1.9%, 2.4% and 2.8%; as trained 4.9%, 0.3%, 2.5% and 3.7%); with 400 it is the likelihood's."""
TRIED = 33
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
    """The likeliest temperature, given `gold` and a prior that favours 1; without examples that is 1.

    Where the model is right about every example, colder is always likelier, and the prior says how far to go.

    Args:
        logits: (N, K) of held-out examples.
        gold: (N,) classes, or (N, K) zeros and ones for `multi-label`.
    """
    from scipy.optimize import minimize_scalar

    def cost(log_t: float) -> float:
        """What is minimised, in nats."""
        likelihood = negative_log_likelihood(logits, gold, kind, math.exp(log_t)) if len(gold) else 0.0
        return len(gold) * likelihood + (log_t / SPREAD) ** 2 / 2

    tried = np.linspace(math.log(LEAST), math.log(MOST), TRIED)
    best = int(
        np.argmin([cost(log_t) for log_t in tried])
    )  # of several valleys, as there may be, the deepest
    around = tried[max(best - 1, 0)], tried[min(best + 1, TRIED - 1)]
    found = minimize_scalar(cost, bounds=around, method="bounded", options={"xatol": 1e-6})
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


def are_right(logits: Floats, gold: Gold, kind: HeadKind) -> npt.NDArray[np.bool_]:
    """(N,) whether the likeliest label is that of `gold`, or for `multi-label` all labels are."""
    if kind == "multi-label":
        right: npt.NDArray[np.bool_] = ((logits > 0) == (gold == 1)).all(1)
    else:
        right = logits.argmax(1) == gold
    return right


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(1, keepdims=True)
    logs: Floats = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return logs
