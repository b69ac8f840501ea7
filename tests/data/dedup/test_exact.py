"""Copies and repeated ids, against the obvious reference."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from ontogeny.data.dedup.exact import EXACT_DUPLICATE, find_duplicates, sort_key
from ontogeny.records.external_sort import Stored


def row(digest: int, doc_id: int, locator: str = "a") -> Stored:
    return {"digest": f"{digest:04d}", "doc_id": f"{doc_id:032x}", "source": "s", "locator": locator}


def outcome(rows: list[Stored], *, drop_exact: bool = True) -> list[str | None]:
    found = find_duplicates(sorted(rows, key=sort_key), drop_exact=drop_exact)
    return [ruling.drop.reason if ruling.drop else None for ruling in found]


def kept_of(rows: list[Stored]) -> list[Stored]:
    rulings = find_duplicates(sorted(rows, key=sort_key), drop_exact=True)
    return [ruling.row for ruling in rulings if ruling.drop is None]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=12), st.randoms())
def test_one_row_a_content_and_one_content_an_id(
    pairs: list[tuple[int, int]], generator: random.Random
) -> None:
    rows = [row(digest, doc_id, str(number)) for number, (digest, doc_id) in enumerate(pairs)]
    kept = kept_of(rows)
    digests, ids = [found["digest"] for found in kept], [found["doc_id"] for found in kept]
    assert digests == sorted({str(found["digest"]) for found in rows})
    assert len(set(ids)) == len(ids)
    assert kept_of(generator.sample(rows, len(rows))) == kept


def test_the_copy_with_the_smallest_id_stays() -> None:
    assert outcome([row(1, 9), row(1, 3), row(2, 5)]) == [None, EXACT_DUPLICATE, None]


def test_other_content_under_the_same_id_gets_an_id_of_its_own() -> None:
    first, second, copy = find_duplicates([row(1, 3), row(2, 3), row(2, 3, "b")], drop_exact=False)
    assert (first.row, first.new_id) == (row(1, 3), False)
    assert second.new_id
    assert second.row["doc_id"] not in {first.row["doc_id"], None}
    assert copy.drop is not None


def test_without_dedup_copies_stay_if_they_have_ids_of_their_own() -> None:
    assert outcome([row(1, 3), row(1, 4), row(1, 4, "b")], drop_exact=False) == [None, None, EXACT_DUPLICATE]
