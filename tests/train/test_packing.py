"""The packing plan against a slow, obvious one; the laws it obeys; its file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.core.errors import ArtifactError
from ontogeny.train.config_mixture import Packing
from ontogeny.train.packing import DocumentSpans, PackingPlan, TooFewTokens, pack_text, pack_whole

lengths = st.lists(st.integers(1, 40), min_size=1, max_size=30)
packings: st.SearchStrategy[Packing] = st.sampled_from(["end-to-end", "best-fit"])


def spans(lengths: list[int]) -> DocumentSpans:
    """Documents one after the other, every third in shard 1; ids tell their number."""
    shard = np.array([int(i % 3 == 0) for i in range(len(lengths))], dtype=np.int64)
    start = np.zeros(len(lengths), dtype=np.int64)
    for number in (0, 1):
        here = shard == number
        size = np.array(lengths, dtype=np.int64)[here]
        start[here] = np.cumsum(size) - size
    return DocumentSpans(
        [f"{i:032x}" for i in range(len(lengths))], shard, start, np.array(lengths, dtype=np.int64)
    )


def tokens_of(plan: PackingPlan, row: int) -> list[tuple[int, int]]:
    """(shard, position) of every token of a row."""
    found: list[tuple[int, int]] = []
    for i in np.flatnonzero(plan.row == row):
        assert plan.offset[i] == len(found)
        found += [(int(plan.shard[i]), int(plan.start[i]) + k) for k in range(int(plan.length[i]))]
    return found


def rows_of_targets(plan: PackingPlan) -> Counter[int]:
    """By document, the rows in which one of its tokens is a target."""
    learnt = plan.length > (plan.offset == 0)
    return Counter(plan.document[learnt].tolist())


@given(lengths=lengths, seq_len=st.integers(2, 30), seed=st.integers(0, 2**62), packing=packings)
@settings(max_examples=160, deadline=None)
def test_every_token_is_a_target_exactly_once(
    lengths: list[int], seq_len: int, seed: int, packing: Packing
) -> None:
    documents = spans(lengths)
    if documents.tokens < seq_len:
        return
    plan = pack_text(documents, seq_len=seq_len, batch_rows=1, seed=seed, packing=packing)
    rows = [tokens_of(plan, row) for row in range(plan.rows)]
    targets = [token for row in rows for token in row[1:]]
    everything = [
        (int(s), int(b) + k)
        for s, b, n in zip(documents.shard, documents.start, documents.length, strict=True)
        for k in range(int(n))
    ]
    assert sorted(targets) == sorted(everything)
    assert all(len(row) == seq_len + 1 for row in rows[:-1])
    assert 2 <= len(rows[-1]) <= seq_len + 1
    # Neighbours share a token, and the circle closes.
    assert all(before[-1] == after[0] for before, after in zip(rows, [*rows[1:], rows[0]], strict=True))
    assert plan.row_tokens.tolist() == [len(row) for row in rows]


@given(lengths=lengths, seed=st.integers(0, 2**62), packing=packings)
@settings(max_examples=80, deadline=None)
def test_segments_belong_to_their_documents(lengths: list[int], seed: int, packing: Packing) -> None:
    documents = spans(lengths)
    if documents.tokens < 8:
        return
    plan = pack_text(documents, seq_len=8, batch_rows=1, seed=seed, packing=packing)
    for i in range(len(plan.row)):
        number = int(plan.doc_ids[plan.document[i]], 16)
        assert plan.shard[i] == documents.shard[number]
        assert documents.start[number] <= plan.start[i]
        assert plan.start[i] + plan.length[i] <= documents.start[number] + documents.length[number]


@pytest.mark.parametrize("packing", ["end-to-end", "best-fit"])
def test_documents_are_shuffled_by_the_seed(packing: Packing) -> None:
    documents = spans([5] * 40)
    one, same, other = (
        pack_text(documents, seq_len=8, batch_rows=2, seed=seed, packing=packing) for seed in (1, 1, 2)
    )
    assert one.doc_ids == same.doc_ids
    assert one.digest == same.digest
    assert one.doc_ids != other.doc_ids
    assert one.digest != other.digest


def test_plans_of_before_are_the_same_to_the_bit() -> None:
    """Models carry such plans: what an option adds must not move them."""
    documents = spans([5, 9, 30, 1, 17, 40, 3])
    plan = pack_text(documents, seq_len=8, batch_rows=2, steps=7, seed=4)
    assert plan.digest == "blake3:9ac0eeeb9d4657bbee2b9fda9d5a97b61deaf7349ec941897ee11b49a06f501d"


def test_best_fit_ends_documents_where_rows_end() -> None:
    documents = spans([3, 5, 7, 1, 2, 6, 4, 4] * 9)
    whole = pack_text(documents, seq_len=8, batch_rows=1, seed=1, packing="best-fit")
    assert set(rows_of_targets(whole).values()) == {1}
    assert max(rows_of_targets(pack_text(documents, seq_len=8, batch_rows=1, seed=1)).values()) == 2


def test_the_digest_knows_the_order() -> None:
    documents = spans([5] * 40)
    digests = {
        pack_text(documents, seq_len=seq_len, batch_rows=rows, steps=steps, seed=1).digest
        for seq_len, rows, steps in [(8, 2, 5), (9, 2, 5), (8, 3, 5), (8, 2, 6)]
    }
    assert len(digests) == 4


def test_a_row_longer_than_the_data_is_refused() -> None:
    with pytest.raises(
        TooFewTokens, match=r"a row has 64 tokens, but the training documents have only 30"
    ) as caught:
        pack_text(spans([10, 20]), seq_len=64, batch_rows=1, seed=1)
    assert caught.value.hint == "lower `seq_len` to at most 30, or bring more text"


def test_whole_documents_are_rows() -> None:
    plan = pack_whole(spans([3, 7, 5]), seq_len=8, batch_rows=2, seed=1)
    assert plan.rows == 3
    assert plan.order.steps == 2
    assert plan.row_tokens.tolist() == [3, 7, 5]
    assert plan.documents_of_rows(np.array([2, 0, 2])) == [f"{2:032x}", f"{0:032x}"]


def test_the_file_says_everything(tmp_path: Path) -> None:
    plan = pack_text(spans([5, 9, 30]), seq_len=8, batch_rows=2, steps=7, seed=4)
    plan.save(tmp_path / "packing.parquet")
    loaded = PackingPlan.load(tmp_path / "packing.parquet")
    assert loaded.digest == plan.digest
    assert loaded.order == plan.order
    names = pq.read_schema(tmp_path / "packing.parquet").names
    assert names == ["row", "offset", "doc_id", "shard", "start", "length"]


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not a packing plan") as caught:
        PackingPlan.load(tmp_path / "packing.parquet")
    assert caught.value.where == str(tmp_path / "packing.parquet")
    pq.write_table(pa.table({"row": [1]}), tmp_path / "packing.parquet")
    with pytest.raises(ArtifactError, match="not a packing plan"):
        PackingPlan.load(tmp_path / "packing.parquet")
