"""What a model read, computed from its plan, against reading the rows of every step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ontogeny.core.errors import UsageError
from ontogeny.train.mixture import pack_mixture, single_source, take
from ontogeny.train.order import BatchSchedule
from ontogeny.train.packing import DocumentSpans, PackingPlan, pack_text
from ontogeny.train.phases import Stretch
from ontogeny.train.seen import document_seen, documents_seen, steps_that_read


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
                if (
                    plan.length[i] == 1 and plan.offset[i] == 0
                ):  # context of the row's first target, and no more
                    continue
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


@pytest.mark.parametrize(("first", "last"), [(1, 9), (3, 5), (4, 4)])
def test_one_document_is_told_as_all_are(plan: PackingPlan, first: int, last: int) -> None:
    seen = {document.doc_id: document for document in documents_seen(plan, first, last)}
    for doc_id in plan.doc_ids:
        found = document_seen(plan, doc_id, first, last)
        assert (found[0] if found is not None else None) == seen.get(doc_id)
        if found is not None:
            assert list(found[1]) == [step for step in steps_that_read(plan, doc_id) if first <= step <= last]
    assert document_seen(plan, "f" * 32) is None
    with pytest.raises(UsageError, match="steps 0 to 4 are not within this training"):
        document_seen(plan, plan.doc_ids[0], 0, 4)


def test_in_phases(plan: PackingPlan) -> None:
    """Batches that grow, and rows that lengthen: what is told is what the rows of every step hold."""
    documents = DocumentSpans(
        plan.doc_ids, *(np.array(each) for each in ([0] * 7, range(0, 70, 10), [4, 9, 1, 8, 7, 10, 3]))
    )
    grown = replace(plan, order=replace(plan.order, batches=BatchSchedule((2, 5, 9), (1, 3, 4))))
    longer = pack_mixture(
        take(single_source(documents, 9), (Stretch(4, 1, 6), Stretch(7, 2, 6), Stretch(9, 1, 12))), seed=3
    )
    for phased in (grown, longer):
        for first, last in ((1, 9), (2, 7), (8, 9)):
            steps, targets = read_slowly(phased, first, last)
            assert {
                one.doc_id: (one.first_step, one.last_step, one.tokens)
                for one in documents_seen(phased, first, last)
            } == {doc_id: (min(found), max(found), targets[doc_id]) for doc_id, found in steps.items()}
        for doc_id, found in read_slowly(phased, 1, 9)[0].items():
            assert steps_that_read(phased, doc_id) == sorted(set(found))


def test_steps_outside_the_training(plan: PackingPlan) -> None:
    with pytest.raises(UsageError, match="steps 3 to 10 are not within this training") as caught:
        documents_seen(plan, 3, 10)
    assert caught.value.hint == "it has steps 1 to 9"
    with pytest.raises(UsageError, match="the first step, 5, comes after the last, 2"):
        documents_seen(plan, 5, 2)


def test_a_model_of_an_earlier_step_knows_of_no_later_one(plan: PackingPlan, tmp_path: Path) -> None:
    plan.until(4).save(tmp_path / "packing.parquet")
    ended = PackingPlan.load(tmp_path / "packing.parquet")
    assert documents_seen(ended) == documents_seen(plan, 1, 4)
    for doc_id in plan.doc_ids:
        assert steps_that_read(ended, doc_id) == [step for step in steps_that_read(plan, doc_id) if step <= 4]
    with pytest.raises(UsageError, match="steps 1 to 5 are not within this training") as caught:
        documents_seen(ended, 1, 5)
    assert caught.value.hint == "it has steps 1 to 4"
    assert ended.digest == plan.digest
    assert plan.until(9) == plan
