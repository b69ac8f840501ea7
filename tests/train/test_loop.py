"""The loop: what hooks are told, and how it ends when the loss is no number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from ontogeny.model.amx import is_rounding
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.config_optimizer import AdamWConfig
from ontogeny.train.diagnosis import NotFinite
from ontogeny.train.loop import Run, StepResult, TrainState, run
from ontogeny.train.objective import next_token
from ontogeny.train.optim import Optimizer
from ontogeny.train.packing import DocumentSpans, pack_text


class Watch:
    def __init__(self) -> None:
        self.results: list[StepResult] = []

    def after_step(self, state: TrainState, result: StepResult) -> None:
        assert state.step == result.step
        self.results.append(result)


@pytest.fixture
def batches(documents: DocumentSpans, shards: Any) -> Batches:
    plan = pack_text(documents, seq_len=12, batch_rows=4, steps=30, seed=1)
    return Batches(plan, shards, micro_batch_rows=2)


def test_it_learns_and_tells(make_model: Callable[[], Transformer], batches: Batches) -> None:
    model = make_model()
    state = TrainState(model, Optimizer(model, AdamWConfig(lr=0.01)))
    watch = Watch()
    setup = Run(feed=batches, objective=next_token, steps=30, lr=lambda step: 1 / (step + 1))
    run(state, setup, [watch])
    assert [result.step for result in watch.results] == list(range(1, 31))
    assert [result.lr for result in watch.results] == pytest.approx([0.01 / step for step in range(1, 31)])
    assert state.tokens == sum(result.tokens for result in watch.results)
    assert state.supervised == state.tokens
    assert watch.results[-1].loss < watch.results[0].loss
    assert 0 < state.train_seconds <= state.seconds


def test_going_on_from_a_step_reads_the_rest(make_model: Callable[[], Transformer], batches: Batches) -> None:
    model = make_model()
    state = TrainState(model, Optimizer(model, AdamWConfig()), step=27)
    watch = Watch()
    run(state, Run(feed=batches, objective=next_token, steps=30, lr=lambda step: 1.0), [watch])
    assert [result.step for result in watch.results] == [28, 29, 30]


def test_clipping_bounds_the_gradient(make_model: Callable[[], Transformer], batches: Batches) -> None:
    """With the gradient clipped to almost nothing, AdamW's large epsilon leaves the weights where they were."""
    model = make_model()
    before = model.embed_tokens.weight.detach().clone()
    state = TrainState(model, Optimizer(model, AdamWConfig(lr=1.0, eps=1.0, weight_decay=0)))
    watch = Watch()
    run(
        state,
        Run(feed=batches, objective=next_token, steps=1, lr=lambda step: 1.0, clip_grad_norm=1e-6),
        [watch],
    )
    assert watch.results[0].grad_norm > 0.1  # told as it was before
    assert float((model.embed_tokens.weight.detach() - before).abs().max()) < 2e-6


def test_a_refused_update_moves_nothing(make_model: Callable[[], Transformer], batches: Batches) -> None:
    class Refuse:
        def admits(self, loss: float, grad_norm: float) -> bool:
            return False

    model = make_model()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    state = TrainState(model, Optimizer(model, AdamWConfig()))
    run(state, Run(feed=batches, objective=next_token, steps=3, lr=lambda step: 1.0, guard=Refuse()))
    assert (state.step, state.skipped) == (3, 3)
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_hook_ends_the_run(make_model: Callable[[], Transformer], batches: Batches) -> None:
    class Enough:
        def after_step(self, state: TrainState, result: StepResult) -> None:
            state.ended = "enough" if result.step == 4 else ""

    state = TrainState(model := make_model(), Optimizer(model, AdamWConfig()))
    run(state, Run(feed=batches, objective=next_token, steps=30, lr=lambda step: 1.0), [Enough()])
    assert (state.step, state.ended) == (4, "enough")


@pytest.mark.parametrize("spoil", ["loss", "gradient"])
def test_a_loss_that_is_no_number(
    make_model: Callable[[], Transformer], batches: Batches, spoil: str
) -> None:
    model = make_model()
    state = TrainState(model, Optimizer(model, AdamWConfig()))
    calls = 0

    def objective(model: Transformer, batch: Batch) -> Tensor:
        nonlocal calls
        calls += 1
        loss = next_token(model, batch)
        if calls <= 4:  # two micro-batches a step
            return loss
        return loss * torch.nan if spoil == "loss" else loss + (0 * model.norm.weight.sum()).sqrt()

    def describe(documents: Sequence[str]) -> list[str]:
        return [f"books:{doc_id}" for doc_id in documents]

    with pytest.raises(NotFinite) as caught:
        run(state, Run(batches, objective, steps=30, lr=lambda step: 1.0, describe=describe))
    assert "at step 3; documents read: books:" in caught.value.message
    assert all(f"books:{doc_id}" in caught.value.message for doc_id in batches.documents(2)[:8])
    assert caught.value.hint is not None
    assert "lower `train.optimizer.lr`" in caught.value.hint
    assert state.step == 2
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_optimizer_moves_in_the_type_of_products_and_hooks_do_not(
    make_model: Callable[[], Transformer],
    batches: Batches,
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
) -> None:
    model = make_model()
    state = TrainState(model, Optimizer(model, AdamWConfig()), step=29)
    moved: list[bool] = []
    step = state.optimizer.step
    monkeypatch.setattr(state.optimizer, "step", lambda: (moved.append(is_rounding()), step()))

    class Look:
        def after_step(self, state: TrainState, result: StepResult) -> None:
            moved.append(is_rounding())

    run(state, Run(feed=batches, objective=next_token, steps=30, lr=lambda step: 1.0, dtype=dtype), [Look()])
    assert moved == [dtype == torch.bfloat16, False]
