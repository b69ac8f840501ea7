"""The order of a corpus, against the obvious reference."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data import order
from ontogeny.data.decide import decide
from ontogeny.data.dedup import exact
from ontogeny.data.order import BETWEEN_EQUALS, corpus_order, permute, places_in
from tests.data.stubs import InMemory, in_memory

PORTIONS = 40

Document = tuple[tuple[int, int], tuple[int, int], dict[str, str | None]]

numbers = st.sampled_from([0, 1, 2**32, 2**64 - 1])
strings = st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9)
documents = st.tuples(
    st.tuples(numbers, numbers),
    st.tuples(numbers, numbers),
    st.fixed_dictionaries(dict.fromkeys(BETWEEN_EQUALS, strings)),
)


def reference(document: Document) -> tuple[Any, ...]:
    digest, doc_id, columns = document
    told = [columns[name] for name in BETWEEN_EQUALS]
    return digest, doc_id, [(value is None, (value or "").encode()) for value in told]


def ordered(found: list[Document], generator: random.Random, portions: int) -> list[Document]:
    """`found`, spread over portions by chance, in the order of a corpus."""
    portion = np.array([generator.randrange(portions) for _ in found], dtype=np.int32)
    row = np.zeros(len(found), dtype=np.int32)
    made = []
    for number in range(portions):
        here = np.flatnonzero(portion == number)
        row[here] = np.arange(len(here))
        columns = {name: [found[place][2][name] for place in here] for name in BETWEEN_EQUALS}
        made.append(in_memory({name: pa.array(each, pa.string()) for name, each in columns.items()}))
    digest, doc_id = (
        np.array([document[which] for document in found], dtype=np.uint64).reshape(-1, 2) for which in (0, 1)
    )
    return [found[place] for place in corpus_order(digest, doc_id, portion, row, made)]


@settings(deadline=None, max_examples=60)
@given(st.lists(documents, max_size=12), st.randoms(), st.integers(1, 3))
def test_documents_stand_by_digest_id_and_what_else_is_known_however_they_are_divided(
    found: list[Document], generator: random.Random, portions: int
) -> None:
    found += [
        (*document[:2], found[0][2] | {"locator": f"a#{place}"}) for place, document in enumerate(found)
    ]
    expected = sorted(found, key=reference)
    assert ordered(generator.sample(found, len(found)), generator, portions) == expected
    with patch.object(order, "BLOCK_ROWS", 2), patch.object(order, "WORDS_BYTES", 4):
        assert ordered(generator.sample(found, len(found)), generator, portions) == expected


def test_of_equal_documents_the_locator_decides_last() -> None:
    known: dict[str, str | None] = dict.fromkeys(BETWEEN_EQUALS)
    early = ((1, 1), (1, 1), known | {"date": "2020", "locator": "b.jsonl#1"})
    late = ((1, 1), (1, 1), known | {"date": "2021", "locator": "a.jsonl#1"})
    never = ((1, 1), (1, 1), known | {"locator": "a.jsonl#0"})
    assert ordered([never, late, early], random.Random(0), 2) == [early, late, never]


def test_places_are_the_inverse_of_an_order() -> None:
    some = np.array([2, 0, 3, 1], dtype=np.int32)
    column = np.array([10.0, 11.0, 12.0, 13.0])
    assert places_in(some).tolist() == [1, 3, 0, 2]
    permute(column, some)
    assert column.tolist() == [12.0, 10.0, 13.0, 11.0]


def tiny(count: int, kind: str) -> list[InMemory]:
    """Documents in always as many portions, which cost something themselves: all `different`, or all `equal` but for
    their locators.
    """
    generator = np.random.default_rng(0)
    portions = []
    rows = count // PORTIONS
    for _ in range(PORTIONS):
        keys = [generator.bytes(16).hex() if kind == "different" else "00" * 16 for _ in range(rows)]
        columns = {name: pa.nulls(rows, pa.string()) for name in BETWEEN_EQUALS}
        locators = [f"tiny.jsonl#{number}" for number in generator.integers(10**6, size=rows)]
        columns |= {"digest": keys, "doc_id": keys, "locator": locators, "size_bytes": [9] * rows}
        portions.append(in_memory(columns))
    return portions


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("kind", "most"), [("different", 60), ("equal", 64)])
def test_deciding_takes_few_bytes_for_each_further_document(kind: str, most: int) -> None:
    def work(portions: list[InMemory]) -> None:
        found = decide(portions, (), ())
        exact.drop_exact_duplicates(found, all_copies=True)
        exact.rename_repeated_ids(found)

    few, many = tiny(40_000, kind), tiny(80_000, kind)
    with (
        patch.object(order, "BLOCK_ROWS", 1000),
        patch.object(order, "WORDS_BYTES", 1000),
        patch.object(exact, "RANGE_ROWS", 4000),
    ):
        peak_of(lambda: work(few))  # what the first of all keeps, such as imports, is no memory of documents
        further = peak_of(lambda: work(many)) - peak_of(lambda: work(few))
    assert further / 40_000 <= most
