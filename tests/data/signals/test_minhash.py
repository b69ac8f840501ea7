"""Words, shingles and signatures, against slow references."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.signals.minhash import EMPTY, band_keys, minhash_of
from ontogeny.data.signals.shingles import BLOCK_WORDS, folding_table, scan_words, shingles_of
from ontogeny.data.texts import Texts


def spans_of(text: str) -> tuple[npt.NDArray[np.uint64], list[str]]:
    """The hash of each word, and the word as it stands in the text."""
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    hashes = np.zeros(len(data) + 1, dtype=np.uint64)
    starts, ends = np.zeros((2, len(data) + 1), dtype=np.int64)
    position, count = scan_words(data, 0, len(data), folding_table(), hashes, starts, ends)
    assert position == len(data)
    words = [data[start:end].tobytes().decode() for start, end in zip(starts, ends, strict=True)]
    return hashes[:count], words[:count]


def folded(text: str) -> list[str]:
    """What datatrove's `simplify_text` makes of Latin text, split at spaces."""
    text = re.sub(r"[0-9]+([.,][0-9]+)?", "0", text.lower().replace("ς", "σ"))
    text = "".join(" " if unicodedata.category(each)[0] in "PSZC" else each for each in text)
    text = unicodedata.normalize("NFD", text)
    return "".join(each for each in text if unicodedata.category(each) != "Mn").split()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from([*"aAbBéÉüñßπΣ019.,;-_ \n’—中ก", "٣", "i\u0307", "a\u0301", "10.5"]), max_size=30
    )
)
def test_words_are_the_same_where_their_folded_forms_are(pieces: list[str]) -> None:
    text = "".join(pieces).replace("中", "").replace("ก", "").replace("٣", "")
    hashes, _ = spans_of(text)
    expected = folded(text)
    assert len(hashes) == len(expected)
    for number, word in enumerate(expected):
        assert hashes[number] == spans_of(word)[0][0]
    assert len(set(hashes.tolist())) == len(set(expected))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop-me!", ["Don", "t", "stop", "me"]),
        ("in 1,024.5 ways", ["in", "1,024", "5", "ways"]),
        ("pi is 3.14, or so.", ["pi", "is", "3.14", "or", "so"]),
        ("日本 go", ["日", "本", "go"]),
        ("go日本", ["go", "日", "本"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("𠀀a", ["𠀀", "a"]),
        ("한국어 말", ["한국어", "말"]),
        ("so\u00adft", ["so\u00adft"]),
        ("x\U0001f600y", ["x", "y"]),
        ("...", []),
        ("", []),
    ],
)
def test_words_of(text: str, words: list[str]) -> None:
    found = spans_of(text)[1]
    assert [re.sub(r"[\u0e31\u0e34-\u0e3a]", "", each) for each in found] == [
        re.sub(r"[\u0e31\u0e34-\u0e3a]", "", each) for each in words
    ]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Café", "cafe"),
        ("ÉTÉ", "été"),
        ("7 of 12", "8 of 3.5"),
        ("a b", "a -- B"),
        ("١٢", "34"),
        ("ＡＢ", "ａｂ"),
    ],
)
def test_what_folds_together(left: str, right: str) -> None:
    assert spans_of(left)[0].tolist() == spans_of(right)[0].tolist()


@pytest.mark.parametrize(
    ("left", "right"), [("ab", "ba"), ("a b", "b a"), ("강", "갓"), ("a", "aa"), ("0", "a")]
)
def test_what_does_not(left: str, right: str) -> None:
    assert spans_of(left)[0].tolist() != spans_of(right)[0].tolist()


def test_shingles_are_windows_of_words_whatever_the_block() -> None:
    generator = np.random.default_rng(0)
    words = [f"w{'abcdefgh'[number % 8] * (number % 5 + 1)}" for number in generator.integers(0, 40, 3000)]
    (found,) = shingles_of(Texts.of([" ".join(words)]), 5)
    assert len(found) == len(words) - 4 > 2 * BLOCK_WORDS
    windows = [" ".join(words[place : place + 5]) for place in range(len(words) - 4)]
    alone = [each[0] for each in shingles_of(Texts.of(windows), 5)]
    assert found.tolist() == alone


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("?!", 0), ("one two", 1), ("a b c d e", 1), ("a b c d e f", 2)]
)
def test_few_words_are_one_shingle(text: str, count: int) -> None:
    (found,) = shingles_of(Texts.of([text]), 5)
    assert len(found) == count


def test_signatures_are_the_least_of_each_permutation_and_know_no_batches() -> None:
    texts = ["one two three", "", "a b c d e f g h", "x " * 2100 + "y z", "1 2 3"]
    whole = minhash_of(Texts.of(texts))
    assert whole.shape == (5, 112) and whole.dtype == np.uint32
    assert (whole[1] == EMPTY).all() and not (whole[0] == EMPTY).any()
    for number, text in enumerate(texts):
        assert (minhash_of(Texts.of([text]))[0] == whole[number]).all()
    windows = ["a b c d e", "b c d e f", "c d e f g", "d e f g h"]
    assert (minhash_of(Texts.of(windows)).min(axis=0) == whole[2]).all()


def test_the_estimate_of_jaccard_has_the_spread_of_a_binomial() -> None:
    generator = np.random.default_rng(1)
    shared = [f"s{'abcdefghij'[digit]}" for digit in range(10)]
    texts, truths = [], []
    for _ in range(400):
        common = [f"{shared[a]}x{shared[b]}{shared[c]}" for a, b, c in generator.integers(0, 10, (150, 3))]
        left, right = (
            [f"{side}{shared[a]}{shared[b]}{shared[c]}" for a, b, c in generator.integers(0, 10, (40, 3))]
            for side in "lr"
        )
        texts += [" ".join(common + left), " ".join(common + right)]
        one, two = set(common + left), set(common + right)
        truths.append(len(one & two) / len(one | two))
    signatures = minhash_of(Texts.of(texts), n_gram=1)
    truth = np.array(truths)
    errors = ((signatures[::2] == signatures[1::2]).mean(axis=1) - truth) / np.sqrt(truth * (1 - truth) / 112)
    assert abs(errors.mean()) < 0.15  # three standard errors of a mean of 400
    assert 0.85 < errors.std() < 1.15


def test_band_keys_are_of_their_band_and_zero_without_words() -> None:
    signatures = minhash_of(Texts.of(["a b c d e f", "", "a b c d e f"]))
    keys = np.empty((14, 3), dtype=np.uint64)
    for band in range(14):
        band_keys(signatures, band, 8, keys[band])
    assert (keys[:, 1] == 0).all() and (keys[:, 0] == keys[:, 2]).all() and (keys[:, 0] != 0).all()
    assert len(set(keys[:, 0].tolist())) == 14
