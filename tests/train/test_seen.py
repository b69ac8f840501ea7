"""What a model read, computed from its plan, against reading the rows of every step."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from ontogeny.core.errors import UsageError
from ontogeny.train.packing import DocumentSpans, PackingPlan, pack_text
from ontogeny.train.seen import documents_seen, steps_that_read


@pytest.fixture
def plan() -> PackingPlan:
    lengths = np.array([4, 30, 1, 12, 7, 20, 3], dtype=np.int64)
    documents = DocumentSpans(
        [f"{i:032x}" for i in range(7)], np.zeros(7, dtype=np.int64), np.cumsum(lengths) - lengths, lengths
    )
    return pack_text(documents, seq_len=8, batch_rows=3, steps=9, seed=5)


def read_slowly(plan: PackingPlan, first: int, last: int) -> tuple[dict[str, list[int]], Counter[str]]:
    steps: dict[str, list[int]] = {}
    targets: Counter[str] = Counter()
    for step in range(first, last + 1):
        for row in plan.order.rows_for_step(step - 1):
            for i in np.flatnonzero(plan.row == row):
                doc_id = plan.doc_ids[plan.document[i]]
                steps.setdefault(doc_id, []).append(step)
                targets[doc_id] += int(plan.length[i]) - int(plan.offset[i] == 0)
    return steps, targets


@pytest.mark.parametrize(("first", "last"), [(1, 9), (3, 5), (4, 4)])
def test_documents_seen(plan: PackingPlan, first: int, last: int) -> None:
    steps, targets = read_slowly(plan, first, last)
    seen = documents_seen(plan, first, last)
    assert [document.doc_id for document in seen] == list(steps)
    for document in seen:
        assert document.first_step == min(steps[document.doc_id])
        assert document.last_step == max(steps[document.doc_id])
        assert document.tokens == targets[document.doc_id]


def test_all_steps_by_default(plan: PackingPlan) -> None:
    assert documents_seen(plan) == documents_seen(plan, 1, 9)


def test_steps_that_read_a_document(plan: PackingPlan) -> None:
    steps, _ = read_slowly(plan, 1, 9)
    for doc_id, expected in steps.items():
        assert steps_that_read(plan, doc_id) == sorted(set(expected))


def test_a_document_that_was_never_read(plan: PackingPlan) -> None:
    with pytest.raises(UsageError, match=r"the model never read it\. Did you mean"):
        steps_that_read(plan, "0" * 30 + "9f")


def test_steps_outside_the_training(plan: PackingPlan) -> None:
    with pytest.raises(UsageError, match="steps 3 to 10 are not within this training") as caught:
        documents_seen(plan, 3, 10)
    assert caught.value.hint == "it has steps 1 to 9"
