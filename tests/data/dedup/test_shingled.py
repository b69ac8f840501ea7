"""The fast shingles against those of `signals.shingles`: as many, and equal where those are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.dedup.shingled import CHUNK, Slices, shingled
from ontogeny.data.signals.shingles import shingles_of
from ontogeny.data.texts import Texts

HARD = """
don’t “quoted” — … \u2028 3.5, 1,000. 3. 4, v1.5b x86 １２.5 café cafe\u0301 naïve soft\u00adhyphen ﬁne ʻokina 𝒳y
antidisestablishmentarianism abcdefgh abcdefghi abcdefghijklmnop ABCDEFGH _ @a[z]{` 私は学生 สวัสดี Привет
"""
PIECES = st.text(max_size=30) | st.sampled_from([" ", "\n", *HARD.split()])
TEXTS = st.lists(st.builds(str.join, st.sampled_from(["", " "]), st.lists(PIECES, max_size=40)), max_size=6)


def same_words(texts: list[str], n_gram: int) -> None:
    batch = Texts.of(texts)
    expected = shingles_of(batch, n_gram)
    found = shingled([Slices.of(batch, np.arange(len(texts)))], n_gram)
    assert np.diff(found.offsets).tolist() == [len(each) for each in expected]
    assert np.array_equal(numbered(found.values), numbered(np.concatenate([*expected, found.values[:0]])))


def numbered(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Each value by the place of its first occurrence."""
    _, first, which = np.unique(values, return_index=True, return_inverse=True)
    places: npt.NDArray[np.int64] = first[which]
    return places


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from([1, 2, 5]))
def test_words_are_those_of_the_signatures(texts: list[str], n_gram: int) -> None:
    same_words(texts, n_gram)


@pytest.mark.parametrize("word", ["word ", "abcdefgh ", "3.5 ", "x’s ", "Привет ", "word"])
def test_words_across_the_edges_of_chunks(word: str) -> None:
    long = word * (3 * CHUNK // len(word))
    same_words([long[start:] for start in range(20)] + [f"{long} {number} tail" for number in range(3)], 5)


@pytest.mark.parametrize("n_gram", [1, 13, 64])
def test_shingles_of_any_length(n_gram: int) -> None:
    generator = np.random.default_rng(n_gram)
    texts = [
        " ".join(generator.choice(["a", "bb", "ccc"], size=size))
        for size in (0, 1, n_gram - 1, n_gram, 500, 5000)
    ]
    same_words(texts, n_gram)


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
