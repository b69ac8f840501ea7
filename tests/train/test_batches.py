"""Batches against reading the plan token by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import PADDING_ID, Batches
from ontogeny.train.objective import add_gradients, next_token
from ontogeny.train.packing import DocumentSpans, PackingPlan, pack_text, pack_whole


def slow_row(plan: PackingPlan, source: Any, row: int) -> tuple[list[int], list[bool]]:
    tokens: list[int] = []
    learnt: list[bool] = []
    for i in np.flatnonzero(plan.row == row):
        span = (int(plan.shard[i]), int(plan.start[i]), int(plan.length[i]))
        tokens += source.read(*span).tolist()
        learnt += source.read_mask(*span).tolist()
    return tokens, learnt


@pytest.fixture
def plan(documents: DocumentSpans) -> PackingPlan:
    return pack_text(documents, seq_len=12, batch_rows=6, steps=20, seed=1)


def test_text_rows(plan: PackingPlan, shards: Any) -> None:
    batches = Batches(plan, shards, micro_batch_rows=2)
    for step in range(20):
        micro = batches.micro_batches(step)
        assert [batch.idx.shape[0] for batch in micro] == [2, 2, 2]
        rows = sorted(plan.order.rows_for_step(step), key=lambda row: -plan.row_tokens[row])
        for batch, (a, b) in zip(micro, [rows[0:2], rows[2:4], rows[4:6]], strict=True):
            for place, row in enumerate((a, b)):
                tokens, _ = slow_row(plan, shards, row)
                assert batch.idx[place, : len(tokens) - 1].tolist() == tokens[:-1]
                assert (batch.idx[place, len(tokens) - 1 :] == PADDING_ID).all()
        assert sum(batch.tokens for batch in micro) == sum(plan.row_tokens[row] - 1 for row in rows)
        assert sum(batch.supervised for batch in micro) == sum(batch.tokens for batch in micro)


def test_a_row_that_goes_on_with_a_document_begins_as_that_did(
    documents: DocumentSpans, plan: PackingPlan, shards: Any
) -> None:
    """Where documents begin with a token of their own, it is the context of such a row, and no target."""
    begin = 99
    shards.tokens[documents.start] = begin
    rows_at_a_beginning = 0
    for (plain,), (begun,) in zip(
        *(
            ([each] for each in Batches(plan, shards, micro_batch_rows=1, begin=token).every_row())
            for token in (None, begin)
        ),
        strict=True,
    ):
        assert torch.equal(begun.idx[:, 1:], plain.idx[:, 1:])
        at_a_beginning = bool(plain.targets[0] == begin)
        rows_at_a_beginning += at_a_beginning
        assert begun.idx[0, 0] == (plain.idx[0, 0] if at_a_beginning else begin)
        learnt = plain.targets != begin
        learnt[0] = False
        assert torch.equal(begun.targets, plain.targets[learnt])
        assert begun.positions is not None
        assert torch.equal(begun.positions, learnt.nonzero().flatten())
        assert begun.tokens == plain.tokens
    assert 0 < rows_at_a_beginning < plan.rows


def test_a_row_without_anything_to_learn_adds_nothing(
    make_model: Callable[[], Transformer], shards: Any
) -> None:
    begin = 60
    shards.tokens[11] = begin
    lengths = np.array([11, 2], dtype=np.int64)
    spans = DocumentSpans(["a", "b"], np.zeros(2, dtype=np.int64), np.array([0, 11]), lengths)
    plan = pack_text(spans, seq_len=12, batch_rows=1, seed=1)
    (rest,) = (
        batch
        for batch in Batches(plan, shards, micro_batch_rows=1, begin=begin).every_row()
        if batch.tokens == 1
    )
    assert (rest.supervised, len(rest.targets)) == (0, 0)
    model = make_model()
    assert float(add_gradients(model, [rest], next_token, count=3, dtype=torch.float32)) == 0
    assert all(weight.grad is None or not weight.grad.any() for weight in model.parameters())


def test_whole_rows_need_no_positions(plan: PackingPlan, shards: Any) -> None:
    batch = next(iter(Batches(plan, shards, micro_batch_rows=4).every_row()))
    assert batch.positions is None
    assert batch.targets.dtype == batch.idx.dtype == torch.int64
    assert torch.equal(batch.targets.view(4, 12)[:, :-1], batch.idx[:, 1:])


def test_masked_rows_of_unequal_length(documents: DocumentSpans, shards: Any) -> None:
    short = documents.take(np.array([1, 4, 6, 0, 2]))
    plan = pack_whole(short, seq_len=64, batch_rows=5, seed=2)
    batches = Batches(plan, shards, micro_batch_rows=2, masked=shards)
    seen = 0
    for batch in batches.micro_batches(0):
        assert batch.positions is not None
        B, T = batch.idx.shape
        # Position p of the flattened inputs predicts the token after it.
        following = torch.cat([batch.idx[:, 1:], torch.full((B, 1), -1)], dim=1).flatten()[batch.positions]
        row_ends = torch.cat([batch.positions[1:] // T != batch.positions[:-1] // T, torch.tensor([True])])
        assert torch.equal(following[~row_ends], batch.targets[~row_ends])
        seen += batch.supervised
    expected = 0
    for row in range(plan.rows):
        _, learnt = slow_row(plan, shards, row)
        expected += sum(learnt[1:])
    assert seen == expected


def test_documents_of_a_step(plan: PackingPlan, shards: Any) -> None:
    batches = Batches(plan, shards, micro_batch_rows=2)
    expected = {plan.doc_ids[d] for r in plan.order.rows_for_step(3) for d in plan.document[plan.row == r]}
    assert set(batches.documents(3)) == expected


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
@pytest.mark.parametrize("micro_batch_rows", [1, 2, 5])
def test_processes_share_the_rows_of_a_step(
    documents: DocumentSpans, shards: Any, parts: int, micro_batch_rows: int
) -> None:
    """The same rows in every step however many processes there are, and as many batches for each of them."""
    plan = pack_text(documents, seq_len=12, batch_rows=5, steps=8, seed=3)
    whole = Batches(plan, shards, micro_batch_rows=micro_batch_rows)
    for step in range(8):
        expected = [row for batch in whole.micro_batches(step) for row in batch.idx.tolist()]
        shares = [whole.part(number, parts).micro_batches(step) for number in range(parts)]
        assert len({len(share) for share in shares}) == 1
        counted = [batch for share in shares for batch in share if not batch.spare]
        assert sorted(row for batch in counted for row in batch.idx.tolist()) == sorted(expected)
        spare = [batch for share in shares for batch in share if batch.spare]
        assert all(batch.supervised == batch.tokens == 0 and len(batch.targets) for batch in spare)
