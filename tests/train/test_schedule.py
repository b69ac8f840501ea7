"""The learning rate, worked out by hand."""

from __future__ import annotations

import math

import pytest

from ontogeny.train.config_optimizer import ScheduleConfig
from ontogeny.train.schedule import lr_multiplier


def rates(schedule: ScheduleConfig, steps: int) -> list[float]:
    return [lr_multiplier(schedule, step=step, steps=steps) for step in range(steps)]


def test_linear() -> None:
    schedule = ScheduleConfig(warmup_steps=2, decay_fraction=0.5, shape="linear", final_lr_fraction=0.2)
    # The decay starts from step 5: 1.0 there, and a fifth of 0.8 less a step.
    assert rates(schedule, 10) == pytest.approx([0.5, 1, 1, 1, 1, 1, 0.84, 0.68, 0.52, 0.36])


def test_one_minus_the_root() -> None:
    schedule = ScheduleConfig(warmup_steps=0, decay_fraction=0.4, shape="1-sqrt")
    tail = [1 - math.sqrt(k / 4) for k in range(4)]
    assert rates(schedule, 10) == pytest.approx([1.0] * 6 + tail)


def test_half_a_cosine() -> None:
    schedule = ScheduleConfig(warmup_steps=0, decay_fraction=0.4, shape="cosine", final_lr_fraction=0.1)
    tail = [0.1 + 0.9 * (1 + math.cos(math.pi * k / 4)) / 2 for k in range(4)]
    assert rates(schedule, 10) == pytest.approx([1.0] * 6 + tail)


@pytest.mark.parametrize("shape", ["linear", "1-sqrt", "cosine"])
def test_a_decay_over_everything_begins_after_the_warmup(shape: str) -> None:
    """With a cosine: warmup, then the half cosine of arXiv 1608.03983 over the rest."""
    whole = ScheduleConfig.model_validate({"warmup_steps": 4, "decay_fraction": 1, "shape": shape})
    after = ScheduleConfig.model_validate({"warmup_steps": 0, "decay_fraction": 1, "shape": shape})
    assert rates(whole, 20) == pytest.approx([0.25, 0.5, 0.75, 1.0, *rates(after, 16)])
    assert rates(after, 16)[8] == pytest.approx({"linear": 0.5, "1-sqrt": 1 - 0.5**0.5, "cosine": 0.5}[shape])


def test_constant() -> None:
    assert rates(ScheduleConfig(warmup_steps=0, decay_fraction=0), 3) == [1, 1, 1]


@pytest.mark.parametrize("shape", ["linear", "1-sqrt", "cosine"])
def test_never_rises_after_the_warmup_and_never_reaches_zero(shape: str) -> None:
    schedule = ScheduleConfig.model_validate({"warmup_steps": 7, "decay_fraction": 0.97, "shape": shape})
    found = rates(schedule, 100)
    assert found[:7] == sorted(found[:7])
    assert found[6:] == sorted(found[6:], reverse=True)
    assert min(found) > 0


def test_a_warmup_that_is_left_open_fits_the_run() -> None:
    open_ended = ScheduleConfig(warmup_steps=None)
    assert [open_ended.warmup(steps) for steps in (5, 60, 200, 10_000)] == [0, 6, 20, 20]
    assert ScheduleConfig(warmup_steps=7).warmup(8) == 7
    assert lr_multiplier(open_ended, step=0, steps=60) == lr_multiplier(
        ScheduleConfig(warmup_steps=6), step=0, steps=60
    )
