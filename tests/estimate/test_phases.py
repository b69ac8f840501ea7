"""A run in phases: sums of tokens and time, the memory of the phase that needs most."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from ontogeny.estimate.devices import GPUS
from ontogeny.estimate.phases import Phase, largest, mean_speed, run_seconds, tokens_of
from ontogeny.estimate.setup import TrainingSetup
from ontogeny.estimate.shapes import NAMED
from ontogeny.estimate.speed import training_speed

SHORT = TrainingSetup(NAMED["gpt2-124m"], GPUS["h100"], seq_len=256, micro_batch=8, batch_rows=8)
LONG = replace(SHORT, seq_len=1024, batch_rows=16)


def test_one_phase_is_the_run() -> None:
    for tokens in (None, 1e6):
        (phase,) = phases = (Phase(SHORT, tokens),)
        assert astuple(mean_speed(phases)) == pytest.approx(astuple(training_speed(SHORT)))
        assert largest(phases) == phase.setup
        assert tokens_of(phases) == tokens
    assert run_seconds([Phase(SHORT)]) is None


def test_time_is_that_of_all_phases_and_memory_that_of_the_largest() -> None:
    phases = (Phase(SHORT, 100 * 8 * 256), Phase(LONG, 50 * 16 * 1024))
    assert [phase.steps for phase in phases] == [100, 50]
    seconds = 100 * training_speed(SHORT).step + 50 * training_speed(LONG).step
    assert run_seconds(phases) == pytest.approx(seconds)
    assert mean_speed(phases).step == pytest.approx(seconds / 150)
    assert run_seconds(phases, correction=0.5) == pytest.approx(2 * seconds)
    assert largest(phases) == LONG


def test_utilisation_of_a_run_is_its_operations_over_its_time() -> None:
    phases = (Phase(SHORT, 1e6), Phase(LONG, 3e6))
    flops = sum((phase.tokens or 0) * training_speed(phase.setup).flops_per_token for phase in phases)
    speed = mean_speed(phases)
    assert speed.flops_per_token == pytest.approx(flops / 4e6)
    seconds = run_seconds(phases)
    assert seconds is not None
    assert speed.utilisation == pytest.approx(flops / seconds / GPUS["h100"].peak_flops)
