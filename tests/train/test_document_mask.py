"""Packed rows with the mask of documents, against every document read alone: the same losses and gradients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batches
from ontogeny.train.config_mixture import Packing
from ontogeny.train.objective import next_token
from ontogeny.train.packing import DocumentSpans, PackingPlan, pack_text
from tests.model.conftest import FAMILIES
from tests.train.conftest import VOCAB_SIZE, make_decoder

SEQ_LEN = 40
IGNORED = -100


def decoder(switches: dict[str, Any]) -> Transformer:
    return make_decoder(switches, seq_len=SEQ_LEN).double()


def alone(plan: PackingPlan, source: Any) -> list[list[int]]:
    """For every document in every row: the token before its first one there, and those of it."""
    found = []
    for row in range(plan.rows):
        tokens: list[int] = []
        for i in range(plan.first_segment[row], plan.first_segment[row + 1]):
            span = source.read(int(plan.shard[i]), int(plan.start[i]), int(plan.length[i])).tolist()
            if tokens:
                found.append([tokens[-1], *span])
            elif len(span) > 1:
                found.append(span)
            tokens += span
    return found


def alone_after(begin: int, plan: PackingPlan, source: Any) -> list[tuple[list[int], list[int]]]:
    """Where every document begins with `begin`: its tokens here after that one, and those of them to be learnt."""
    found = []
    for row in range(plan.rows):
        segments = range(plan.first_segment[row], plan.first_segment[row + 1])
        spans = [(int(plan.shard[i]), int(plan.start[i]), int(plan.length[i])) for i in segments]
        tokens = [token for span in spans for token in source.read(*span).tolist()]
        goes_on = tokens[1] != begin
        if goes_on:
            tokens[0] = begin
        places = [place for place, token in enumerate(tokens) if place and token == begin]
        for first, last in pairwise([0, *places, len(tokens)]):
            row = tokens[first:last]
            learnt = [IGNORED, *row[2:]] if goes_on and first == 0 else row[1:]
            if learnt:
                found.append((row, learnt))
    return found


def loss_alone(model: Transformer, rows: Sequence[tuple[list[int], list[int]]]) -> Tensor:
    """Plain cross-entropy of each, tokens and what is to be learnt of them, without any mask."""
    total = torch.zeros((), dtype=torch.float64)
    for row, learnt in rows:
        logits = model(torch.tensor([row[:-1]]))[0]
        total = total + F.cross_entropy(logits, torch.tensor(learnt), ignore_index=IGNORED, reduction="sum")
    return total


@pytest.mark.parametrize("packing", ["end-to-end", "best-fit"])
@pytest.mark.parametrize("begin", [None, VOCAB_SIZE - 1])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_document_in_a_packed_row_is_as_if_alone(
    documents: DocumentSpans, shards: Any, family: str, begin: int | None, packing: Packing
) -> None:
    model = decoder(FAMILIES[family])
    plan = pack_text(documents, seq_len=SEQ_LEN, batch_rows=4, seed=2, packing=packing)
    rows = [(row, row[1:]) for row in alone(plan, shards)]
    if begin is not None:
        shards.tokens[shards.tokens == begin] = 0
        shards.tokens[documents.start] = begin
        rows = alone_after(begin, plan, shards)
    results = []
    for packed in (True, False):
        model.zero_grad()
        if packed:
            batches = Batches(plan, shards, micro_batch_rows=3, document_mask=True, begin=begin)
            loss = torch.stack([next_token(model, batch) for batch in batches.every_row()]).sum()
        else:
            loss = loss_alone(model, rows)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = {
            name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None
        }
        results.append((loss.detach(), gradients))
    (one, gradients), (other, expected) = results
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    for name, value in expected.items():
        torch.testing.assert_close(gradients[name], value, rtol=1e-10, atol=1e-10, msg=name)
    with torch.no_grad():
        unmasked = Batches(plan, shards, micro_batch_rows=3, begin=begin).every_row()
        without = sum(float(next_token(model, batch)) for batch in unmasked)
    assert abs(without - float(other)) > 1e-3  # the mask is not for nothing


def test_an_input_counts_to_the_document_of_its_target(documents: DocumentSpans, shards: Any) -> None:
    plan = pack_text(documents, seq_len=SEQ_LEN, batch_rows=4, seed=2)
    batch = next(iter(Batches(plan, shards, micro_batch_rows=plan.rows, document_mask=True).every_row()))
    assert batch.documents is not None
    by_length = np.argsort(-plan.row_tokens, kind="stable")
    for place, row in enumerate(by_length):
        segments = range(plan.first_segment[row], plan.first_segment[row + 1])
        of_tokens = [plan.document[i] for i in segments for _ in range(plan.length[i])]
        numbers = batch.documents[place, : len(of_tokens) - 1].tolist()
        same_target = [one == other for one, other in pairwise(of_tokens[1:])]
        assert [one == other for one, other in pairwise(numbers)] == same_target
    assert next(iter(Batches(plan, shards, micro_batch_rows=2).every_row())).documents is None


def test_shapes_hold_on_the_meta_device() -> None:
    model = decoder(FAMILIES["gemma3"]).to("meta")
    idx = torch.zeros(2, 20, dtype=torch.int64, device="meta")
    assert model.hidden(idx, documents=torch.zeros_like(idx)).shape == (2, 20, 24)


def test_numbers_of_documents_that_cannot_be_meant() -> None:
    model = decoder({})
    idx = torch.zeros(2, 6, dtype=torch.int64)
    with pytest.raises(
        UsageError, match=r"numbers of documents of shape \[2, 5\] for tokens of shape \[2, 6\]"
    ):
        model.hidden(idx, documents=idx[:, :5])
    for more in ({"cache": model.new_cache(batch=2)}, {"mask": torch.ones_like(idx)}):
        with pytest.raises(UsageError, match="together with a cache or a mask"):
            model.hidden(idx, documents=idx, **more)
