"""Repeated passages against an obvious reference, over any portions."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.dedup.spans import Cuts, repeated_spans
from ontogeny.data.texts import Texts

WORDS = "abcdefghijklmnopqrstuvwxyz"


def cuts_of(texts: list[str], *, portions: int = 1, **options: int) -> Cuts:
    edges = np.linspace(0, len(texts), portions + 1).astype(int)
    parts = [Texts.of(texts[low:high]) for low, high in itertools.pairwise(edges)]
    return repeated_spans(lambda: iter(parts), lambda row: Texts.of([texts[row]]), **options)


def without(text: str, cuts: list[tuple[int, int]]) -> str:
    data = bytearray(text.encode())
    for start, end in reversed(cuts):
        del data[start:end]
    return data.decode()


def passage(count: int, seed: int) -> str:
    generator = random.Random(seed)
    return " ".join("".join(generator.choices(WORDS, k=6)) for _ in range(count))


def all_cut(texts: list[str], span: int) -> list[set[int]]:
    """The words of each text that stand in a run of `span` which an earlier place has too, never overlapping itself."""
    seen: dict[tuple[str, ...], tuple[int, int]] = {}
    gone: list[set[int]] = []
    for row, text in enumerate(texts):
        words = text.split()
        gone.append(set())
        for place in range(len(words) - span + 1):
            first = seen.setdefault(tuple(words[place : place + span]), (row, place))
            if first[0] != row or first[1] + span <= place:
                gone[-1] |= set(range(place, place + span))
    return gone


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 5), max_size=40), max_size=6), st.integers(1, 4), st.integers(400, 4000)
)
def test_every_repeated_passage_is_found_and_nothing_else(
    documents: list[list[int]], portions: int, memory_bytes: int
) -> None:
    blocks = [passage(7, seed) for seed in range(6)]
    texts = [
        " ".join(blocks[number] for number in document[:1] + sorted(set(document[1:])))
        for document in documents
    ]
    texts = [" ".join(dict.fromkeys(text.split())) for text in texts]  # no passage twice in one text
    cuts = cuts_of(texts, portions=portions, memory_bytes=memory_bytes, span=10)
    for row, (text, gone) in enumerate(zip(texts, all_cut(texts, 10), strict=True)):
        kept = [word for place, word in enumerate(text.split()) if place not in gone]
        assert without(text, cuts.of(row)).split() == kept


def test_the_first_copy_stays_and_the_cut_has_the_words_only() -> None:
    shared = passage(50, 1)
    texts = [f"Intro, then: {shared}. More.", f"Another start; {shared.title()}! And an end.", passage(60, 2)]
    cuts = cuts_of(texts)
    assert cuts.of(0) == [] and cuts.of(2) == []
    ((start, end),) = cuts.of(1)
    assert texts[1][start:end] == shared.title()
    assert without(texts[1], cuts.of(1)) == "Another start; ! And an end."


@pytest.mark.parametrize(("words", "found"), [(49, 0), (50, 1), (51, 1), (300, 1)])
def test_fifty_words_are_always_found_and_fewer_never_cut(words: int, found: int) -> None:
    for seed in range(20):
        shared = passage(words, seed)
        cuts = cuts_of([f"{passage(30, 90)} {shared}", f"{shared} {passage(40, 91)}"])
        assert len(cuts.of(1)) == found and not cuts.of(0)


def test_a_text_that_repeats_itself_keeps_its_first_copy() -> None:
    line = passage(60, 3)
    (cut,) = cuts_of([f"{line} {line} {line}"]).of(0)
    assert cut == (len(line) + 1, 3 * len(line) + 2)
    same = " ".join(["again"] * 500)
    (cut,) = cuts_of([same]).of(0)
    assert without(same, [cut]).split() == ["again"] * 50


def test_bytes_count_where_letters_have_several() -> None:
    shared = passage(55, 4)
    text = f"Ελλάδα — {shared} çà"
    (cut,) = cuts_of([shared, text]).of(1)
    assert without(text, [cut]) == "Ελλάδα —  çà"


def test_nothing_in_nothing_out() -> None:
    cuts = cuts_of([])
    assert len(cuts) == 0
    cuts = cuts_of(["", "one word", ""])
    assert len(cuts) == 3 and not len(cuts.starts)
