"""The order of a corpus."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.data.decide import KEPT, Decisions, put_in_order


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=20))
def test_documents_stand_by_digest_and_id_and_those_that_stay_for_others_are_found_again(
    documents: list[tuple[int, int, bool]],
) -> None:
    count = len(documents)
    keys = np.zeros((2, count, 2), dtype=np.uint64)
    keys[:, :, 1] = np.array([each[:2] for each in documents], dtype=np.uint64).reshape(-1, 2).T
    keeper = np.array(
        [(3 * place) % count if each[2] else -1 for place, each in enumerate(documents)], np.int64
    )
    found = Decisions(
        portions=(),
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
