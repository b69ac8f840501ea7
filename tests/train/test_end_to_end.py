"""Rows laid end to end as one: at every position what a row gives alone, in losses and in gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.model.loss import token_cross_entropy
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.noise import EmbeddingNoise
from ontogeny.train.objective import next_token
from ontogeny.train.packing import DocumentSpans, pack_whole
from tests.model.conftest import FAMILIES
from tests.train.conftest import make_decoder

SEQ_LEN = 64
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def decoder(switches: dict[str, Any]) -> Transformer:
    return make_decoder(switches, seq_len=SEQ_LEN)


def batches(documents: DocumentSpans, shards: Any, rows: int, **more: Any) -> Batches:
    """Six documents, one a row, of which only some tokens are learnt; 140 inputs, twice what the model reads."""
    short = documents.take(np.array([0, 1, 2, 4, 6, 3]))
    plan = pack_whole(short, seq_len=SEQ_LEN, batch_rows=6, seed=2)
    return Batches(plan, shards, micro_batch_rows=rows, masked=shards, **more)


def losses(model: Transformer, batch: Batch) -> Tensor:
    """The loss of every target, (N,)."""
    hidden = model.hidden(batch.idx, documents=batch.documents, noise=batch.noise).flatten(0, 1)
    assert batch.positions is not None
    return token_cross_entropy(hidden[batch.positions], model.head_weight, batch.targets)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_position_is_as_if_its_row_were_alone(
    documents: DocumentSpans, shards: Any, family: str, dtype: torch.dtype
) -> None:
    model = decoder(FAMILIES[family]).to(dtype)
    (packed,) = batches(documents, shards, 6, end_to_end=True).micro_batches(0)
    alone = batches(documents, shards, 1).micro_batches(0)
    assert packed.idx.shape == (1, sum(batch.idx.shape[1] for batch in alone))
    assert packed.tokens == packed.idx.shape[1] > SEQ_LEN
    with torch.no_grad():
        found = losses(model, packed)
        expected = torch.cat([losses(model, batch) for batch in alone])
    torch.testing.assert_close(found, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("noise", [None, EmbeddingNoise(alpha=5.0, d_model=24, seed=3)])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_gradients_are_those_of_any_micro_batches(
    documents: DocumentSpans, shards: Any, family: str, noise: EmbeddingNoise | None
) -> None:
    model = decoder(FAMILIES[family]).double()
    gradients = []
    for rows, end_to_end in ((6, False), (1, False), (4, False), (6, True), (4, True), (1, True)):
        model.zero_grad()
        for batch in batches(documents, shards, rows, end_to_end=end_to_end, noise=noise).micro_batches(0):
            next_token(model, batch).backward()  # type: ignore[no-untyped-call]
        gradients.append([weight.grad.clone() for weight in model.parameters() if weight.grad is not None])
    for found in gradients[1:]:
        for one, other in zip(found, gradients[0], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_a_row_alone_needs_no_mask(documents: DocumentSpans, shards: Any) -> None:
    assert all(
        batch.documents is None for batch in batches(documents, shards, 1, end_to_end=True).micro_batches(0)
    )


def test_a_document_longer_than_the_context_is_refused(documents: DocumentSpans, shards: Any) -> None:
    model = decoder({})
    idx = torch.zeros(1, SEQ_LEN + 10, dtype=torch.int64)
    numbers = (torch.arange(SEQ_LEN + 10) > SEQ_LEN).long()[None]
    with pytest.raises(UsageError, match=f"{SEQ_LEN + 1} tokens do not fit into a context of {SEQ_LEN}"):
        model.hidden(idx, documents=numbers)
    numbers[0, SEQ_LEN] = 1
    assert model.hidden(idx, documents=numbers).shape == (1, SEQ_LEN + 10, 24)


def test_noise_is_a_function_of_seed_step_and_row() -> None:
    noise = EmbeddingNoise(alpha=10.0, d_model=16, seed=4)
    cpu = torch.device("cpu")
    drawn = noise.of_row(step=3, row=7, inputs=25, device=cpu)
    bound = 10.0 / (25 * 16) ** 0.5
    assert drawn.shape == (25, 16)
    assert 0.9 * bound < float(drawn.abs().max()) <= bound
    assert abs(float(drawn.mean())) < 0.1 * bound
    assert torch.equal(drawn, noise.of_row(step=3, row=7, inputs=25, device=cpu))
    for other in ({"step": 4, "row": 7}, {"step": 3, "row": 8}):
        assert not torch.equal(drawn, noise.of_row(**other, inputs=25, device=cpu))
    reseeded = EmbeddingNoise(alpha=10.0, d_model=16, seed=5)
    assert not torch.equal(drawn, reseeded.of_row(step=3, row=7, inputs=25, device=cpu))


def test_noise_is_drawn_anew_in_every_step_and_never_for_measuring(
    documents: DocumentSpans, shards: Any
) -> None:
    noisy = batches(documents, shards, 6, noise=EmbeddingNoise(alpha=5.0, d_model=24, seed=3))
    (first,) = noisy.micro_batches(0)
    assert first.noise is not None
    (again,) = noisy.micro_batches(0)
    assert again.noise is not None
    assert torch.equal(first.noise, again.noise)
    assert all(batch.noise is None for batch in noisy.every_row())
