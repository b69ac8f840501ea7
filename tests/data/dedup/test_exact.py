"""Copies and repeated ids, against the obvious reference."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.data.decide import KEPT, Decisions, in_order
from ontogeny.data.dedup.exact import EXACT_DUPLICATE, drop_exact_duplicates, rename_repeated_ids


def decisions(pairs: list[tuple[int, int]]) -> Decisions:
    """Documents with these digests and ids, in the order of a corpus."""
    count = len(pairs)
    keys = np.zeros((2, count, 2), dtype=np.uint64)
    keys[:, :, 1] = np.array(pairs, dtype=np.uint64).reshape(-1, 2).T
    return in_order(
        Decisions(
            portions=(),
            signals={},
            portion=np.zeros(count, np.int32),
            row=np.arange(count, dtype=np.int32),
            digest=keys[0],
            doc_id=keys[1],
            reason=np.full(count, KEPT, np.int16),
            score=np.full(count, np.nan),
            keeper=np.full(count, -1),
            renamed=np.zeros(count, np.bool_),
        )
    )


def outcome(pairs: list[tuple[int, int]], *, all_copies: bool = True) -> list[str | None]:
    found = decisions(pairs)
    drop_exact_duplicates(found, all_copies=all_copies)
    return [None if number == KEPT else found.reasons[number].name for number in found.reason]


def kept_of(pairs: list[tuple[int, int]]) -> list[tuple[int, int, bool]]:
    found = decisions(pairs)
    drop_exact_duplicates(found, all_copies=True)
    rename_repeated_ids(found)
    columns = (found.digest[:, 1], found.doc_id[:, 1], found.renamed)
    rows = zip(*(column[found.kept].tolist() for column in columns), strict=True)
    return [(digest, doc_id, renamed) for digest, doc_id, renamed in rows]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=12), st.randoms())
def test_one_row_a_content_and_one_content_an_id(
    pairs: list[tuple[int, int]], generator: random.Random
) -> None:
    kept = kept_of(pairs)
    assert [digest for digest, _, _ in kept] == sorted({digest for digest, _ in pairs})
    ids = [doc_id for _, doc_id, renamed in kept if not renamed]
    assert len(set(ids)) == len(ids)
    assert {doc_id for _, doc_id, _ in kept} == set(ids)
    assert kept_of(generator.sample(pairs, len(pairs))) == kept


def test_the_copy_with_the_smallest_id_stays() -> None:
    assert outcome([(1, 9), (1, 3), (2, 5)]) == [None, EXACT_DUPLICATE, None]
    found = decisions([(1, 9), (1, 3), (2, 5)])
    drop_exact_duplicates(found, all_copies=True)
    assert found.keeper.tolist() == [-1, 0, -1]
    assert found.doc_id[0, 1] == 3


def test_other_content_under_the_same_id_gets_an_id_of_its_own() -> None:
    assert kept_of([(1, 3), (2, 3), (2, 3)]) == [(1, 3, False), (2, 3, True)]


def test_without_dedup_copies_stay_if_they_have_ids_of_their_own() -> None:
    assert outcome([(1, 3), (1, 4), (1, 4)], all_copies=False) == [None, None, EXACT_DUPLICATE]
