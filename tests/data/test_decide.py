"""The order of a corpus."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data import order
from ontogeny.data.decide import KEPT, OLD, Decisions, OldCorpus, Reason, decide, put_in_order
from ontogeny.data.dedup import exact
from ontogeny.data.order import BETWEEN_EQUALS
from tests.data.stubs import InMemory, in_memory
from tests.data.test_order import peak_of, tiny


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=20))
def test_documents_stand_by_digest_and_id_and_those_that_stay_for_others_are_found_again(
    documents: list[tuple[int, int, bool]],
) -> None:
    count = len(documents)
    keys = np.zeros((2, count, 2), dtype=np.uint64)
    keys[:, :, 1] = np.array([each[:2] for each in documents], dtype=np.uint64).reshape(-1, 2).T
    keeper = np.array(
        [(3 * place) % count if each[2] else -1 for place, each in enumerate(documents)], np.int32
    )
    same = {name: pa.array([name] * count, pa.string()) for name in BETWEEN_EQUALS}
    found = Decisions(
        portions=[in_memory(same)],
        signals={},
        portion=np.zeros(count, np.int32),
        row=np.arange(count, dtype=np.int32),
        digest=keys[0],
        doc_id=keys[1],
        reason=np.full(count, KEPT, np.int16),
        score=np.full(count, np.nan),
        keeper=keeper.copy(),
        renamed=np.zeros(count, np.bool_),
    )
    moved = put_in_order(found)
    order = [documents[row][:2] for row in found.row]
    assert order == sorted(order)
    assert found.row[moved].tolist() == list(range(count))
    for row, place in zip(found.row.tolist(), found.keeper.tolist(), strict=True):
        assert (found.row[place] if place >= 0 else -1) == keeper[row]


def test_what_was_dropped_keeps_its_first_reason() -> None:
    columns: dict[str, list[object]] = {
        "digest": ["1" * 32, "2" * 32, "3" * 32],
        "doc_id": ["1" * 32] * 3,
        "size_bytes": [1] * 3,
    }
    found = decide([in_memory(columns)], (), ())
    found.drop_at(np.array([1]), Reason("first"), score=np.array([0.5]), keeper=np.array([0]))
    found.drop(np.array([False, True, True]), Reason("second"), score=np.array([1.0, 2.0, 3.0]))
    assert [found.reasons[number].name if number != KEPT else "" for number in found.reason] == [
        "",
        "first",
        "second",
    ]
    assert found.score[1:].tolist() == [0.5, 3.0]
    assert found.keeper.tolist() == [-1, 0, -1]


def keyed(pairs: list[tuple[int, int]]) -> InMemory:
    """Documents with these digests and ids."""
    columns: dict[str, list[object]] = {name: [name] * len(pairs) for name in BETWEEN_EQUALS}
    columns["digest"], columns["doc_id"] = ([f"{pair[at]:032x}" for pair in pairs] for at in (0, 1))
    return in_memory({**columns, "size_bytes": [1] * len(pairs)})


def test_old_documents_stand_before_others_of_their_digest_and_are_not_judged() -> None:
    old = {"first": [keyed([(1, 9)]), keyed([(3, 9)])], "none": [], "second": [keyed([(2, 9), (1, 8)])]}
    new = [keyed([(1, 1), (2, 1)]), keyed([(4, 1), (1, 9)])]
    found = decide(new, (), (), old)
    assert found.digest[:, 1].tolist() == [1, 1, 1, 1, 2, 2, 3, 4]
    assert (found.reason == OLD).tolist() == [True, True, False, False, True, False, True, False]
    assert found.doc_id[:4, 1].tolist() == [8, 9, 1, 9]
    assert found.old == [
        OldCorpus("first", range(2, 4)),
        OldCorpus("none", range(4, 4)),
        OldCorpus("second", range(4, 5)),
    ]
    assert found.old_portions == range(2, 5)
    found.drop(np.ones(len(found), dtype=np.bool_), Reason("all"))
    assert (found.reason == OLD).sum() == 4 == found.dropped.sum()
    before = found.portion.tolist(), found.row.tolist()
    assert put_in_order(found).tolist() == list(range(8))
    assert (found.portion.tolist(), found.row.tolist()) == before


def test_a_further_old_document_takes_as_few_bytes_as_another() -> None:
    def work(portions: list[InMemory]) -> None:
        found = decide(portions[:10], (), (), {"old": portions[10:]})
        exact.drop_exact_duplicates(found, all_copies=True)
        exact.rename_repeated_ids(found)

    few, many = tiny(40_000, "different"), tiny(80_000, "different")
    with (
        patch.object(order, "BLOCK_ROWS", 1000),
        patch.object(order, "WORDS_BYTES", 1000),
        patch.object(exact, "RANGE_ROWS", 4000),
    ):
        further = peak_of(lambda: work(many)) - peak_of(lambda: work(few))
    assert further / 40_000 <= 60
