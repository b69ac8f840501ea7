"""The loss against PyTorch's; k micro-batches give what one batch gives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ontogeny.model.amx import has_amx, is_rounding
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.config_optimizer import AdamWConfig
from ontogeny.train.loop import Run, gradients, move
from ontogeny.train.objective import add_gradients, next_token, summed_loss
from ontogeny.train.optim import Optimizer
from ontogeny.train.packing import DocumentSpans, pack_text, pack_whole


def batches_of(
    documents: DocumentSpans, shards: Any, *, masked: bool, rows: int, device: str = "cpu"
) -> Batches:
    """Four rows of text, or four conversations of unequal length of which only a part is to be learnt."""
    if masked:
        plan = pack_whole(documents.take(np.array([1, 4, 6, 1])), seq_len=12, batch_rows=4, seed=2)
    else:
        plan = pack_text(documents, seq_len=12, batch_rows=4, seed=2)
    return Batches(plan, shards, micro_batch_rows=rows, device=device, masked=shards if masked else None)


@pytest.mark.parametrize("masked", [False, True])
def test_against_cross_entropy(
    make_model: Callable[[], Transformer], documents: DocumentSpans, shards: Any, masked: bool
) -> None:
    model = make_model().double()
    (batch,) = batches_of(documents, shards, masked=masked, rows=4).micro_batches(0)
    logits = model(batch.idx).flatten(0, 1)
    chosen = logits if batch.positions is None else logits[batch.positions]
    expected = F.cross_entropy(chosen, batch.targets, reduction="sum")
    torch.testing.assert_close(next_token(model, batch), expected)


def test_the_z_loss_is_in_the_gradient_and_not_in_the_loss(
    make_model: Callable[[], Transformer], documents: DocumentSpans, shards: Any
) -> None:
    model = make_model().double()
    (batch,) = batches_of(documents, shards, masked=False, rows=4).micro_batches(0)
    plain, penalised = next_token(model, batch), next_token(model, batch, z_loss=0.5)
    torch.testing.assert_close(penalised, plain, rtol=1e-12, atol=0)
    with torch.no_grad():
        assert torch.equal(next_token(model, batch, z_loss=0.5), next_token(model, batch))
    log_z = torch.logsumexp(model(batch.idx).flatten(0, 1), dim=1)
    expected = torch.autograd.grad(plain + 0.5 * log_z.square().sum(), list(model.parameters()))
    found = torch.autograd.grad(penalised, list(model.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("z_loss", [0.0, 0.1])
def test_micro_batches_equal_one_batch(
    make_model: Callable[[], Transformer],
    documents: DocumentSpans,
    shards: Any,
    masked: bool,
    rows: int,
    z_loss: float,
) -> None:
    outcomes = []
    for rows_at_once in (4, rows):
        model = make_model().double()
        batches = batches_of(documents, shards, masked=masked, rows=rows_at_once)
        optimizer = Optimizer(model, AdamWConfig(lr=0.01))
        objective = partial(next_token, z_loss=z_loss)
        setup = Run(feed=batches, objective=objective, steps=1, lr=lambda step: 1.0, clip_grad_norm=0.5)
        micro = batches.micro_batches(0)
        assert len(micro) == 4 // rows_at_once
        loss, norm = gradients(model, optimizer, micro, setup)
        move(optimizer, norm, setup)
        moments = {name: value for name, value in optimizer.state().items() if name.endswith("/exp_avg")}
        outcomes.append((loss, norm, moments))
    (loss, norm, whole), (loss_in_parts, norm_in_parts, parts) = outcomes
    assert abs(loss - loss_in_parts) < 1e-10
    assert abs(norm - norm_in_parts) < 1e-10
    assert norm > 0.5  # so that clipping is part of what is compared
    for name, value in whole.items():
        assert float((value - parts[name]).abs().max()) < 1e-10


@pytest.mark.parametrize("rows", [1, 2])
def test_micro_batches_equal_one_batch_where_a_row_is_short(
    make_model: Callable[[], Transformer], documents: DocumentSpans, shards: Any, rows: int
) -> None:
    """600 tokens in rows of 11: the last row has 6, and what it lacks is neither a target nor counted."""
    plan = pack_text(documents, seq_len=11, batch_rows=4, seed=2, packing="best-fit")
    assert plan.row_tokens.tolist() == [12] * 54 + [7]
    step = int(plan.order.steps_of_rows(np.array([54]))[0])
    outcomes = []
    for rows_at_once in (4, rows):
        model = make_model().double()
        batches = Batches(plan, shards, micro_batch_rows=rows_at_once)
        micro = batches.micro_batches(step)
        run = Run(feed=batches, objective=next_token, steps=1, lr=lambda step: 1.0)
        optimizer = Optimizer(model, AdamWConfig())
        loss, norm = gradients(model, optimizer, micro, run)
        move(optimizer, norm, run)
        moments = [value for name, value in optimizer.state().items() if name.endswith("/exp_avg")]
        outcomes.append((loss, norm, torch.cat([value.flatten() for value in moments])))
        assert sum(batch.tokens for batch in micro) == 3 * 11 + 6
        assert sum(batch.supervised for batch in micro) == 3 * 11 + 6
    (loss, norm, whole), (loss_in_parts, norm_in_parts, parts) = outcomes
    assert abs(loss - loss_in_parts) < 1e-10
    assert abs(norm - norm_in_parts) < 1e-10
    assert float((whole - parts).abs().max()) < 1e-10


@pytest.mark.skipif(
    not (has_amx() or torch.cuda.is_available()), reason="nothing here multiplies bfloat16 fast"
)
@pytest.mark.parametrize("masked", [False, True])
def test_lower_precision_comes_close(
    make_model: Callable[[], Transformer], documents: DocumentSpans, shards: Any, masked: bool
) -> None:
    """Products in bfloat16, weights and their gradients in float32."""
    gradients, losses = [], []
    fast = "cuda" if torch.cuda.is_available() else "cpu"
    for device, dtype in (("cpu", torch.float32), (fast, torch.bfloat16)):
        (batch,) = batches_of(documents, shards, masked=masked, rows=4, device=device).micro_batches(0)
        model = make_model().to(device)
        losses.append(float(add_gradients(model, [batch], next_token, count=1, dtype=dtype)))
        found = [
            parameter.grad.flatten().cpu() for parameter in model.parameters() if parameter.grad is not None
        ]
        gradients.append(torch.cat(found))
    assert losses[1] != losses[0]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    assert gradients[1].dtype == torch.float32
    assert F.cosine_similarity(gradients[0], gradients[1], dim=0) > 0.99


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_on_a_cpu_both_passes_are_rounded_and_nothing_after_them(
    make_model: Callable[[], Transformer], documents: DocumentSpans, shards: Any, dtype: torch.dtype
) -> None:
    (batch,) = batches_of(documents, shards, masked=False, rows=4).micro_batches(0)
    seen = []

    def watched(model: Transformer, batch: Batch) -> Tensor:
        seen.append(is_rounding())
        loss = next_token(model, batch)
        loss.register_hook(lambda gradient: seen.append(is_rounding()))
        return loss

    model = make_model()
    add_gradients(model, [batch], watched, count=1, dtype=dtype)
    with torch.no_grad():
        summed_loss(model, batch, next_token, dtype)
    assert seen == [dtype == torch.bfloat16] * 2
    assert not is_rounding()
