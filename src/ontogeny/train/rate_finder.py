"""The learning-rate range test (Smith 2015, arXiv 1506.01186, section 3.3): a short run whose rate grows each step.

The rate goes from `low` to `high` in equal ratios while the model learns, so what each rate does to the loss is seen in
one run of a hundred steps. The rate at which the smoothed loss falls fastest is suggested; it stands well below the one
at which the loss is lowest, and far below the one at which it bursts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ontogeny.core.progress import Bar, Progress
from ontogeny.train.diagnosis import NotFinite
from ontogeny.train.loop import Feed, Run, StepResult, TrainState, run
from ontogeny.train.objective import BatchT, Objective

SMOOTHING = 0.9  # of the losses, with the correction for its beginning that Adam has
BURST = 4.0  # the run ends where the smoothed loss is this many times the lowest: fastai, `LRFinder`
LEAST_STEPS = 10
SAFETY = 10.0  # the other usual suggestion: this many times less than where the loss was lowest (fastai, `minimum`)


@dataclass(frozen=True)
class Found:
    """The rates that were tried, their losses (nats), the same smoothed, and what is suggested."""

    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    suggested: float | None
    """Where the smoothed loss falls fastest; None where it does not fall."""
    tenth_of_lowest: float | None
    """A tenth of the rate at which the smoothed loss is lowest."""
    ended: str
    """Why the run ended before the last rate; empty where it did not."""


class _Ramp:
    """A hook that collects losses, moves a bar, and ends the run when losses burst."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._mean = 0.0

    def after_step(self, state: TrainState, result: StepResult) -> None:
        self.losses.append(result.loss)
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * result.loss
        self.smoothed.append(self._mean / (1 - SMOOTHING ** len(self.losses)))
        if self.smoothed[-1] > BURST * min(self.smoothed):
            state.ended = "the loss burst"
        self._bar.advance(1, rate=result.lr, loss=result.loss)


def ramp(low: float, high: float, steps: int) -> list[float]:
    """`steps` rates from `low` to `high`, each the same number of times the one before."""
    return [low * (high / low) ** (step / (steps - 1)) for step in range(steps)]


def find_rate(
    state: TrainState,
    feed: Feed[BatchT],
    objective: Objective[BatchT],
    rates: Sequence[float],
    *,
    clip_grad_norm: float | None,
    dtype: torch.dtype,
    progress: Progress,
) -> Found:
    """Train `state`'s model with one of `rates` (rising, as `ramp` gives them) after another, a step each.

    The model is not what it was afterwards.
    """
    state.optimizer.set_lr(1.0)
    peak = state.optimizer.lr
    setup = Run(
        feed=feed,
        objective=objective,
        steps=len(rates),
        lr=lambda step: rates[step] / peak,
        clip_grad_norm=clip_grad_norm,
        dtype=dtype,
    )
    with progress.bar("trying rates", total=len(rates), unit="steps") as bar:
        looking, ended = _Ramp(bar), ""
        try:
            run(state, setup, [looking])
            ended = state.ended
        except NotFinite:  # as far up as this goes
            ended = "the loss was no longer finite"
    tried = list(rates[: len(looking.losses)])
    suggested, lowest = suggestion(tried, looking.smoothed)
    return Found(tried, looking.losses, looking.smoothed, suggested, lowest, ended)


def suggestion(rates: Sequence[float], smoothed: Sequence[float]) -> tuple[float | None, float | None]:
    """The rate of the steepest fall before the lowest loss, and a tenth of the rate of the lowest; None: no fall.

    The last rate is none: nothing is known of what it leads to.
    """
    if len(rates) < LEAST_STEPS:
        return None, None
    lowest = int(np.argmin(smoothed))
    falling = np.gradient(np.asarray(smoothed, dtype=float), np.log(np.asarray(rates, dtype=float)))
    before = falling[1 : min(lowest + 1, len(rates) - 1)]
    if lowest == 0 or not len(before) or not math.isfinite(float(before.min())) or before.min() >= 0:
        return None, None
    return float(rates[1 + int(np.argmin(before))]), float(rates[lowest]) / SAFETY
