"""The compiled splitter against the pattern it stands for, in two engines."""

from __future__ import annotations

import random

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from benchmarks.peers.tokenizer_job import PATTERN
from ontogeny.data.texts import Texts
from ontogeny.tokenizer.config import QWEN2_PATTERN
from ontogeny.tokenizer.splitter import (
    LETTER,
    LINE_END,
    NUMBER,
    OTHER,
    SPACE,
    character_classes,
    split,
    word_ends,
)
from tests.tokenizer.real_data import real_texts

PIECES = [
    *"aZsStTrReEvVlLmMdD' \t\r\n.,-1²9é東ſßﬆİ🙂\u0301\u00a0\u2003\u0085\u2028", "\r\n", "'s", "'LL", "'ſ", "  ", "''",
]  # fmt: skip


def by_tokenizers(text: str) -> list[str]:
    pieces = pre_tokenizers.Split(Regex(QWEN2_PATTERN), behavior="isolated").pre_tokenize_str(text)
    return [piece for piece, _ in pieces]


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_words_are_those_of_the_pattern(text: str) -> None:
    assert split(text) == regex.findall(QWEN2_PATTERN, text) == by_tokenizers(text)


@settings(deadline=None)  # the first call compiles
@given(st.text())
def test_any_text_is_cut_as_tokenizers_cuts_it(text: str) -> None:
    assert split(text) == by_tokenizers(text)
    assert "".join(split(text)) == text


def test_many_glued_pieces() -> None:
    chance = random.Random(1)
    for _ in range(3000):
        text = "".join(chance.choices(PIECES, k=chance.randint(1, 30)))
        assert split(text) == regex.findall(QWEN2_PATTERN, text), repr(text)


@pytest.mark.parametrize("name", ["python-docs/python-docs.jsonl.gz", "linux-docs/linux-docs.jsonl.gz"])
def test_real_text_has_the_same_words(name: str) -> None:
    for text in real_texts(name, 400_000):
        assert split(text) == regex.findall(QWEN2_PATTERN, text)


def test_every_character_is_classed_as_tokenizers_sees_it() -> None:
    classes = character_classes()
    assert len(classes) == 0x110000
    known = {"a": LETTER, "東": LETTER, "9": NUMBER, "²": NUMBER, " ": SPACE, "\u2003": SPACE, "\n": LINE_END}
    assert {character: classes[ord(character)] for character in known} == known
    assert [classes[code] for code in (0x1F642, 0xE000, 0x10FFFF, 0xD800)] == [OTHER] * 4


def test_the_benchmarks_give_every_contestant_this_pattern() -> None:
    assert PATTERN == QWEN2_PATTERN


def test_words_do_not_cross_texts() -> None:
    texts = Texts.of(["ab", "", "cd e", "\n"])
    assert word_ends(texts.data, texts.offsets, character_classes()).tolist() == [2, 4, 6, 7]
