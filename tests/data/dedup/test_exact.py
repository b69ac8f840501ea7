"""Copies and repeated ids, against the obvious reference."""

from __future__ import annotations

import random
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data import order
from ontogeny.data.decide import KEPT, OLD, Decisions, decide
from ontogeny.data.dedup import exact
from ontogeny.data.dedup.against import EXACT_DUPLICATE_OF_OLD
from ontogeny.data.dedup.exact import EXACT_DUPLICATE, drop_exact_duplicates, rename_repeated_ids
from ontogeny.data.order import BETWEEN_EQUALS
from tests.data.stubs import InMemory, in_memory

FIRST_DIGIT = np.uint64(60)


def decisions(pairs: list[tuple[int, int]], old: list[tuple[int, int]] | None = None) -> Decisions:
    """Documents with these digests and ids, and old ones, in the order of a corpus."""
    return decide([portion(pairs)], (), (), {} if old is None else {"old": [portion(old)]})


def portion(pairs: list[tuple[int, int]]) -> InMemory:
    columns: dict[str, Any] = {name: [name] * len(pairs) for name in BETWEEN_EQUALS}
    columns["digest"], columns["doc_id"] = (
        [f"{pair[at]:x}".ljust(32, "0") for pair in pairs] for at in (0, 1)
    )
    return in_memory({**columns, "size_bytes": [1] * len(pairs)})


def outcome(pairs: list[tuple[int, int]], *, all_copies: bool = True) -> list[str | None]:
    found = decisions(pairs)
    drop_exact_duplicates(found, all_copies=all_copies)
    return [None if number == KEPT else found.reasons[number].name for number in found.reason]


def kept_of(pairs: list[tuple[int, int]]) -> list[tuple[int, int, bool]]:
    found = decisions(pairs)
    drop_exact_duplicates(found, all_copies=True)
    rename_repeated_ids(found)
    columns = (found.digest[:, 0] >> FIRST_DIGIT, found.doc_id[:, 0] >> FIRST_DIGIT, found.renamed)
    rows = zip(*(column[found.kept].tolist() for column in columns), strict=True)
    return [(digest, doc_id, renamed) for digest, doc_id, renamed in rows]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=12), st.randoms())
def test_one_row_a_content_and_one_content_an_id(
    pairs: list[tuple[int, int]], generator: random.Random
) -> None:
    kept = kept_of(pairs)
    assert [digest for digest, _, _ in kept] == sorted({digest for digest, _ in pairs})
    ids = [doc_id for _, doc_id, renamed in kept if not renamed]
    assert len(set(ids)) == len(ids)
    assert {doc_id for _, doc_id, _ in kept} == set(ids)
    with patch.object(order, "BLOCK_ROWS", 2), patch.object(exact, "RANGE_ROWS", 3):
        assert kept_of(generator.sample(pairs, len(pairs))) == kept


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12), st.booleans())
def test_the_keeper_is_the_first_of_its_content_in_whatever_block(
    pairs: list[tuple[int, int]], all_copies: bool
) -> None:
    whole, found = decisions(pairs), decisions(pairs)
    drop_exact_duplicates(whole, all_copies=all_copies)
    with patch.object(order, "BLOCK_ROWS", 2):
        drop_exact_duplicates(found, all_copies=all_copies)
    first = {digest: place for place, (digest, _) in reversed([*enumerate(sorted(pairs))])}
    instead = [first[digest] for digest, _ in sorted(pairs)]
    assert found.keeper.tolist() == whole.keeper.tolist()
    assert (found.kept == whole.kept).all()
    assert all(keeper in (-1, there) for keeper, there in zip(found.keeper.tolist(), instead, strict=True))


def test_the_copy_with_the_smallest_id_stays() -> None:
    assert outcome([(1, 9), (1, 3), (2, 5)]) == [None, EXACT_DUPLICATE, None]
    found = decisions([(1, 9), (1, 3), (2, 5)])
    drop_exact_duplicates(found, all_copies=True)
    assert found.keeper.tolist() == [-1, 0, -1]
    assert found.doc_id[0, 0] >> FIRST_DIGIT == 3


def test_other_content_under_the_same_id_gets_an_id_of_its_own() -> None:
    assert kept_of([(1, 3), (2, 3), (2, 3)]) == [(1, 3, False), (2, 3, True)]


def test_without_dedup_copies_stay_if_they_have_ids_of_their_own() -> None:
    assert outcome([(1, 3), (1, 4), (1, 4)], all_copies=False) == [None, None, EXACT_DUPLICATE]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=12),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=6),
    st.integers(1, 4),
)
def test_new_documents_go_for_old_ones_of_their_content_in_whatever_block(
    pairs: list[tuple[int, int]], old: list[tuple[int, int]], rows: int
) -> None:
    found = decisions(pairs, old)
    with patch.object(order, "BLOCK_ROWS", rows), patch.object(exact, "RANGE_ROWS", 3):
        drop_exact_duplicates(found, all_copies=True)
        rename_repeated_ids(found)
    held = {digest for digest, _ in old}
    digest, doc_id = (keys[:, 0] >> FIRST_DIGIT for keys in (found.digest, found.doc_id))
    assert (found.reason == OLD).sum() == len(old)
    assert sorted(digest[found.kept].tolist()) == sorted({each for each, _ in pairs} - held)
    for place in np.flatnonzero(found.dropped).tolist():
        keeper = int(found.keeper[place])
        assert digest[keeper] == digest[place]
        of_old = found.reasons[found.reason[place]].name == EXACT_DUPLICATE_OF_OLD
        assert of_old == (int(digest[place]) in held) == (found.reason[keeper] == OLD)
    ids = doc_id[found.kept & ~found.renamed].tolist()
    assert len(set(ids)) == len(ids)
    assert not {each for _, each in old} & set(ids)
    assert not found.renamed[found.reason == OLD].any()
