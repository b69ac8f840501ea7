"""How good a classifier's probabilities are: accuracy, order, and calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ontogeny.statistics.calibration import Bin, Floats, calibration_error, reliability
from ontogeny.statistics.intervals import wilson

NEWTON_STEPS = 100
RIDGE = 1e-6
"""Keeps Newton's matrix regular where scores separate the classes."""


@dataclass(frozen=True)
class Figures:
    """What was measured on examples that were not learnt from.

    `accuracy` is at a probability of 0.5, with its 95% interval; `auc` the chance that a wanted example scores above an
    unwanted one; `log_loss` in nats; `calibration_error` the expected difference between probability and frequency, and
    `raw_calibration_error` the same before scaling; `reliability` the bins that are not empty.
    """

    examples: int
    wanted: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    auc: float
    log_loss: float
    calibration_error: float
    raw_calibration_error: float
    reliability: tuple[Bin, ...]


def measure(raw: Floats, scaled: Floats, wanted: npt.NDArray[np.bool_]) -> Figures:
    """The figures for n examples: their log-odds before and after scaling, and whether each is wanted, (n,) each."""
    chance = probability(scaled)
    right = int(((chance >= 0.5) == wanted).sum())
    bins = reliability(chance, wanted)
    interval = wilson(right, len(wanted))
    clipped = np.clip(chance, 1e-15, 1 - 1e-15)
    return Figures(
        examples=len(wanted),
        wanted=int(wanted.sum()),
        accuracy=right / len(wanted),
        accuracy_interval=(interval[0], interval[1]),
        auc=auc(scaled, wanted),
        log_loss=float(-np.where(wanted, np.log(clipped), np.log1p(-clipped)).mean()),
        calibration_error=calibration_error(bins),
        raw_calibration_error=calibration_error(reliability(probability(raw), wanted)),
        reliability=bins,
    )


def probability(log_odds: Floats) -> Floats:
    """The logistic function, without overflow."""
    return np.exp(-np.logaddexp(0, -log_odds))


def auc(scores: Floats, wanted: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve by the rank sum (Mann and Whitney 1947), ties counted half; nan for one class alone."""
    n_wanted, n_other = int(wanted.sum()), int((~wanted).sum())
    if not n_wanted or not n_other:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    return float((mean_rank[inverse][wanted].sum() - n_wanted * (n_wanted + 1) / 2) / (n_wanted * n_other))


def fit_scaling(raw: Floats, wanted: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset that make log-odds into calibrated ones (Platt 1999), by Newton's method.

    Temperature scaling is the same with the offset at 0. The targets are Platt's, (N+ + 1) / (N+ + 2) and 1 / (N- + 2),
    so that classes which separate do not drive the slope to infinity.
    """
    n_wanted, n_other = int(wanted.sum()), int((~wanted).sum())
    target = np.where(wanted, (n_wanted + 1) / (n_wanted + 2), 1 / (n_other + 2))
    inputs = np.stack([raw, np.ones_like(raw)], axis=1)
    parameters = np.array([1.0, 0.0])

    def loss(at: Floats) -> float:
        scores = inputs @ at
        return float((np.logaddexp(0, scores) - target * scores).sum())

    for _ in range(NEWTON_STEPS):
        chance = probability(inputs @ parameters)
        gradient = inputs.T @ (chance - target)
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + RIDGE * np.eye(2)
        step, size, now = np.linalg.solve(curvature, gradient), 1.0, loss(parameters)
        while size > 1e-6 and loss(parameters - size * step) > now:
            size /= 2
        parameters = parameters - size * step
        if float(np.abs(size * step).max()) < 1e-9:
            break
    return float(parameters[0]), float(parameters[1])
