"""The learning-rate range test: its ramp, where it ends, and what it suggests."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.config_optimizer import AdamWConfig
from ontogeny.train.loop import TrainState
from ontogeny.train.objective import next_token
from ontogeny.train.optim import Optimizer
from ontogeny.train.packing import DocumentSpans, pack_text
from ontogeny.train.rate_finder import Found, find_rate, ramp, suggestion


@pytest.fixture
def find(
    documents: DocumentSpans, shards: Any, make_model: Callable[[], Transformer]
) -> Callable[..., Found]:
    plan = pack_text(documents, seq_len=12, batch_rows=4, steps=40, seed=1)

    def find(objective: Any = next_token, *, low: float = 1e-4, high: float = 1.0, steps: int = 40) -> Found:
        model = make_model()
        state = TrainState(model, Optimizer(model, AdamWConfig(lr=0.003)))
        return find_rate(
            state,
            Batches(plan, shards, micro_batch_rows=4),
            objective,
            ramp(low, high, steps),
            clip_grad_norm=None,
            dtype=torch.float32,
            progress=QuietProgress(),
        )

    return find


def test_rates_grow_by_equal_ratios() -> None:
    rates = ramp(1e-5, 1.0, 51)
    assert rates[0] == 1e-5 and rates[-1] == pytest.approx(1.0)
    ratios = [after / before for before, after in pairwise(rates)]
    assert ratios == pytest.approx([ratios[0]] * 50)


def test_a_trial_of_a_model(find: Callable[..., Found]) -> None:
    found = find()
    assert found.rates == pytest.approx(ramp(1e-4, 1.0, 40)[: len(found.rates)])
    assert len(found.losses) == len(found.smoothed) == len(found.rates)
    assert found.suggested is not None
    lowest = found.rates[found.smoothed.index(min(found.smoothed))]
    assert 1e-4 < found.suggested <= lowest
    assert found.tenth_of_lowest == pytest.approx(lowest / 10)


def test_a_loss_that_bursts_ends_it(find: Callable[..., Found]) -> None:
    calls = 0

    def objective(model: Transformer, batch: Batch) -> Tensor:
        nonlocal calls
        calls += 1
        return next_token(model, batch) * (100.0 if calls > 20 else 1.0)

    found = find(objective)
    assert found.ended == "the loss burst"
    assert 20 < len(found.rates) < 40


def test_a_loss_that_is_no_number_ends_it(find: Callable[..., Found]) -> None:
    calls = 0

    def objective(model: Transformer, batch: Batch) -> Tensor:
        nonlocal calls
        calls += 1
        return next_token(model, batch) * (torch.nan if calls > 15 else 1.0)

    found = find(objective)
    assert found.ended == "the loss was no longer finite"
    assert len(found.rates) == 15


def test_any_other_error_is_told(find: Callable[..., Found]) -> None:
    def objective(model: Transformer, batch: Batch) -> Tensor:
        raise UsageError("99 tokens do not fit into a context of 12")

    with pytest.raises(UsageError, match="99 tokens"):
        find(objective)


def test_the_last_rate_is_never_suggested() -> None:
    rates = ramp(1e-5, 1.0, 20)
    falling = [5.0 - 0.01 * number**2 for number in range(20)]  # steepest at the end
    suggested, _ = suggestion(rates, falling)
    assert suggested == pytest.approx(rates[-2])


def test_the_steepest_fall_is_suggested() -> None:
    rates = ramp(1e-5, 1.0, 101)
    # A fall in the form of a logistic curve around 1e-2, and a burst behind.
    smoothed = [
        5 - 2 / (1 + math.exp(-6 * (math.log10(rate) + 2))) + 40 * max(0, rate - 0.5) for rate in rates
    ]
    suggested, tenth = suggestion(rates, smoothed)
    assert suggested == pytest.approx(1e-2, rel=0.15)
    assert tenth is not None


@pytest.mark.parametrize("smoothed", [[5.0 + n for n in range(20)], [5.0] * 20])
def test_no_fall_no_suggestion(smoothed: list[float]) -> None:
    assert suggestion(ramp(1e-5, 1.0, 20), smoothed) == (None, None)


def test_too_few_steps_tell_nothing() -> None:
    assert suggestion([1e-3, 1e-2], [3.0, 2.0]) == (None, None)
