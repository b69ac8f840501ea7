"""The fast shingles against those of words that tell numbers apart: as many, and equal where those are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.dedup.shingled import CHUNK, Slices, shingled
from ontogeny.data.dedup.span_windows import scan_told_apart
from ontogeny.data.signals.folding import folding_table
from ontogeny.data.texts import Texts

HARD = """
don’t “quoted” — … \u2028 3.5, 1,000. 3. 4, v1.5b x86 １２.5 35 3,5 1000 v15b x68 1a23
12a3 ٣٤ ٤٣ café cafe\u0301 naïve soft\u00adhyphen ﬁne ʻokina 𝒳y
antidisestablishmentarianism abcdefgh abcdefghi abcdefghijklmnop ABCDEFGH _ @a[z]{` 私は学生 สวัสดี Привет
"""
PIECES = st.text(max_size=30) | st.sampled_from([" ", "\n", *HARD.split()])
TEXTS = st.lists(st.builds(str.join, st.sampled_from(["", " "]), st.lists(PIECES, max_size=40)), max_size=6)


def assert_same_words(texts: list[str], n_gram: int) -> None:
    batch = Texts.of(texts)
    expected = [told_apart(batch, number, n_gram) for number in range(len(texts))]
    found = shingled([Slices.of(batch, np.arange(len(texts)))], n_gram)
    assert np.diff(found.offsets).tolist() == [len(each) for each in expected]
    assert np.array_equal(numbered(found.values), numbered(np.concatenate([*expected, found.values[:0]])))


def told_apart(batch: Texts, number: int, n_gram: int) -> npt.NDArray[np.uint64]:
    """The shingles of one text over the words of the removal of repeated passages."""
    start, end = batch.offsets[number : number + 2].tolist()
    words, starts, ends = (np.empty(end - start + 1, dtype=kind) for kind in (np.uint64, np.int64, np.int64))
    count = scan_told_apart(batch.data, start, end, folding_table(), words, starts, ends)
    if not count:
        return words[:0]
    few = np.zeros(max(count, n_gram), dtype=np.uint64)
    few[:count] = words[:count]
    windows = np.lib.stride_tricks.sliding_window_view(few, n_gram)
    return np.array([hash(tuple(window.tolist())) for window in windows], dtype=np.int64).view(np.uint64)


def numbered(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Each value by the place of its first occurrence."""
    _, first, which = np.unique(values, return_index=True, return_inverse=True)
    places: npt.NDArray[np.int64] = first[which]
    return places


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from([1, 2, 5]))
def test_words_are_those_that_tell_numbers_apart(texts: list[str], n_gram: int) -> None:
    assert_same_words(texts, n_gram)


@pytest.mark.parametrize("word", ["word ", "abcdefgh ", "3.5 ", "x’s ", "Привет ", "word"])
def test_words_across_the_edges_of_chunks(word: str) -> None:
    long = word * (3 * CHUNK // len(word))
    assert_same_words(
        [long[start:] for start in range(20)] + [f"{long} {number} tail" for number in range(3)], 5
    )


@pytest.mark.parametrize("n_gram", [1, 13, 64])
def test_shingles_of_any_length(n_gram: int) -> None:
    generator = np.random.default_rng(n_gram)
    texts = [
        " ".join(generator.choice(["a", "bb", "ccc"], size=size))
        for size in (0, 1, n_gram - 1, n_gram, 500, 5000)
    ]
    assert_same_words(texts, n_gram)


def test_texts_of_several_buffers_come_in_order() -> None:
    texts = [
        "one two three four five six",
        "",
        "seven eight nine ten eleven twelve",
        "one two three four five six",
    ]
    whole = shingled([Slices.of(Texts.of(texts), np.arange(4))], 5)
    parts = [
        Slices.of(Texts.of(texts[:2]), np.arange(2)),
        Slices.of(Texts.of(["x", *texts[2:]]), np.array([1, 2])),
    ]
    apart = shingled(parts, 5)
    assert np.array_equal(apart.values, whole.values) and np.array_equal(apart.offsets, whole.offsets)
    assert len(shingled([], 5)) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [("12", "13"), ("3.5", "35"), ("3.5", "3.6"), ("1a23", "12a3"), ("x86", "x68"), ("٣٤", "٤٣")],
)
def test_numbers_with_other_digits_are_other_words(one: str, other: str) -> None:
    texts = Texts.of([f"it took {one} days", f"it took {other} days", f"It took {one}, days."])
    first, second, third = shingled([Slices.of(texts, np.arange(3))], 4).values
    assert first != second and first == third
