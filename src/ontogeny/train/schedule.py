"""The learning rate over a run: warmup, constant, decay (WSD; arXiv 2404.06395, and 2405.18392 for the shapes).

A decay over everything after the warmup, as half a cosine, is the schedule of arXiv 1608.03983 without restarts.
"""

from __future__ import annotations

import math

from ontogeny.train.config_optimizer import ScheduleConfig, Shape


def lr_multiplier(schedule: ScheduleConfig, *, step: int, steps: int) -> float:
    """The share of the peak rate at `step` (from 0) of `steps`.

    Warmup: (step + 1) / warmup_steps, so that the first step moves already. Decay: from 1 before its first step to
    `final_lr_fraction` after the last, which is therefore never quite reached. A decay that is longer than what the
    warmup leaves is shortened to that.
    """
    warmup = schedule.warmup(steps)
    if step < warmup:
        return (step + 1) / warmup
    decay_steps = min(round(schedule.decay_fraction * steps), steps - warmup)
    into_decay = step - (steps - decay_steps)
    if into_decay <= 0:
        return 1.0
    fallen = _fallen(schedule.shape, into_decay / decay_steps)
    return 1.0 - (1.0 - schedule.final_lr_fraction) * fallen


def _fallen(shape: Shape, progress: float) -> float:
    """How much of the way down the rate has gone at `progress` in [0, 1] of its decay."""
    if shape == "linear":
        return progress
    return math.sqrt(progress) if shape == "1-sqrt" else (1 - math.cos(math.pi * progress)) / 2
