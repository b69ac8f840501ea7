"""The order of a corpus."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.decide import KEPT, Decisions, Reason, decide, put_in_order
from ontogeny.data.order import BETWEEN_EQUALS
from tests.data.stubs import in_memory


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
