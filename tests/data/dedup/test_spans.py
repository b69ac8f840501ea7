"""Repeated passages against an obvious reference, over any portions."""

from __future__ import annotations

import itertools
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.dedup.spans import Cuts, repeated_spans
from ontogeny.data.texts import Texts

WORDS = "abcdefghijklmnopqrstuvwxyz"


def cuts_of(texts: list[str], *, portions: int = 1, backwards: bool = False, **options: int) -> Cuts:
    edges = np.linspace(0, len(texts), portions + 1).astype(int)
    blocks = [
        (np.arange(low, high), Texts.of(texts[low:high])) for low, high in itertools.pairwise(edges.tolist())
    ]
    with tempfile.TemporaryDirectory() as folder:
        return repeated_spans(
            reversed(blocks) if backwards else blocks,
            lambda row: Texts.of([texts[row]]),
            len(texts),
            folder=Path(folder),
            **options,
        )


def without(text: str, cuts: list[tuple[int, int]]) -> str:
    data = bytearray(text.encode())
    for start, end in reversed(cuts):
        del data[start:end]
    return data.decode()


def passage(count: int, seed: int) -> str:
    generator = random.Random(seed)
    return " ".join("".join(generator.choices(WORDS, k=6)) for _ in range(count))


def all_cut(texts: list[str], span: int, least_left: int = 1) -> list[set[int]]:
    """The words of each text, none of which it has twice, that stand in a run of `span` that an earlier text has too;
    a text of which too little is left is nobody's earlier text.
    """
    seen: set[tuple[str, ...]] = set()
    gone: list[set[int]] = []
    for text in texts:
        words = text.split()
        runs = {place: tuple(words[place : place + span]) for place in range(len(words) - span + 1)}
        gone.append({word for place in runs if runs[place] in seen for word in range(place, place + span)})
        if not gone[-1] or len(words) - len(gone[-1]) >= least_left:
            seen |= set(runs.values())
    return gone


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 5), max_size=6), max_size=8),
    st.integers(1, 4),
    st.booleans(),
    st.integers(1, 25),
    st.sampled_from([200, 1000, 1 << 20]),
)
def test_every_repeated_passage_is_found_and_nothing_else(
    documents: list[list[int]], portions: int, backwards: bool, least_left: int, memory_bytes: int
) -> None:
    blocks = [passage(7, seed) for seed in range(6)]
    texts = [" ".join(blocks[number] for number in dict.fromkeys(document)) for document in documents]
    options = {"span": 10, "least_left": least_left, "memory_bytes": memory_bytes}
    cuts = cuts_of(texts, portions=portions, backwards=backwards, **options)
    for row, (text, gone) in enumerate(zip(texts, all_cut(texts, 10, least_left), strict=True)):
        kept = [word for place, word in enumerate(text.split()) if place not in gone]
        assert without(text, cuts.of(row)).split() == kept
        assert cuts.too_short.get(row) == (len(kept) if gone and len(kept) < least_left else None)


def test_the_first_copy_stays_and_the_cut_has_the_words_only() -> None:
    shared = passage(50, 1)
    texts = [f"Intro, then: {shared}. More.", f"Another start; {shared.title()}! And an end.", passage(60, 2)]
    cuts = cuts_of(texts)
    assert cuts.of(0) == [] and cuts.of(2) == []
    ((start, end),) = cuts.of(1)
    assert texts[1][start:end] == shared.title()
    assert without(texts[1], cuts.of(1)) == "Another start; ! And an end."
    assert cuts.firsts.tolist() == [0]
    assert cuts.words.tolist() == [50]
    assert cuts.shortened.tolist() == [1]


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


@pytest.mark.parametrize("said", [["again"], ["now", "and", "then"]])
def test_a_text_that_says_one_thing_for_ever_takes_time_in_proportion_to_its_length(said: list[str]) -> None:
    endless = " ".join(said * (300_000 // len(said)))
    ((start, end),) = cuts_of([endless]).of(0)
    assert len(without(endless, [(start, end)]).split()) <= 50 + 2 * len(said)


def test_one_word_again_and_again_is_found_in_the_middle_of_others() -> None:
    texts = [
        " ".join([passage(20, seed), *["again"] * (60 + seed), passage(20, seed + 9)]) for seed in range(3)
    ]
    cuts = cuts_of(texts)
    assert [len(without(text, cuts.of(row)).split()) for row, text in enumerate(texts)] == [90, 40, 40]


def test_numbers_with_other_digits_are_other_words() -> None:
    tables = [" ".join(str(number * factor) for number in range(100, 200)) for factor in (1, 7, 1)]
    cuts = cuts_of(tables)
    assert [len(cuts.of(row)) for row in range(3)] == [0, 0, 1]


def test_what_only_a_dropped_text_has_stays_in_the_next() -> None:
    shared, little, own = passage(60, 1), passage(30, 2), passage(80, 3)
    texts = [shared, f"{shared} {little}", f"{shared} {little} {own}"]
    cuts = cuts_of(texts, least_left=40)
    assert cuts.too_short == {1: 30}
    assert without(texts[2], cuts.of(2)).split() == f"{little} {own}".split()


def test_more_proposals_than_memory_are_looked_at_in_turn() -> None:
    texts = [f"{passage(55, seed % 9)} {passage(60, 100 + seed)}" for seed in range(60)]
    whole, little = cuts_of(texts), cuts_of(texts, memory_bytes=2000)
    assert whole.starts.tolist() == little.starts.tolist()
    assert whole.offsets.tolist() == little.offsets.tolist()
    assert len(whole.shortened) == 51


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
