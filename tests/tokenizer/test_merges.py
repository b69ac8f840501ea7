"""Merges against the definition, written plainly, and against the trainer of `tokenizers` on real text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import regex
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, models, pre_tokenizers, trainers

from ontogeny.data.texts import Texts
from ontogeny.tokenizer import merges as merges_module
from ontogeny.tokenizer.byte_level import BYTE_CHARACTERS, spelled
from ontogeny.tokenizer.config import QWEN2_PATTERN, SPECIAL_TOKENS
from ontogeny.tokenizer.merges import learn_merges
from ontogeny.tokenizer.train import train_bpe, train_bpe_on_batches
from tests.tokenizer.real_data import real_file, real_texts

ALPHABET = [bytes([byte]) for byte in range(256)]
GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def plain_merges(words: dict[str, int], size: int, least: int) -> tuple[list[bytes], list[tuple[int, int]]]:
    """Algorithm 1 of arXiv 1508.07909: count all pairs, merge the most frequent one everywhere, again and again."""
    entries, pairs = list(ALPHABET), []
    cut = {tuple(word.encode()): times for word, times in words.items()}
    while len(entries) < size:
        counts: Counter[tuple[int, int]] = Counter()
        for word, times in cut.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts or max(counts.values()) < least:
            break
        left, right = min(counts, key=lambda pair: (-counts[pair], pair))
        merged = entries[left] + entries[right]
        number = entries.index(merged) if merged in entries else len(entries)
        entries += [merged] if number == len(entries) else []
        pairs.append((left, right))
        after: Counter[tuple[int, ...]] = Counter()
        for word, times in cut.items():
            after[merged_word(word, (left, right), number)] += times
        cut = dict(after)
    return entries, pairs


def merged_word(word: Sequence[int], pair: tuple[int, int], number: int) -> tuple[int, ...]:
    out: list[int] = []
    at = 0
    while at < len(word):
        found = tuple(word[at : at + 2]) == pair
        out.append(number if found else word[at])
        at += 2 if found else 1
    return tuple(out)


def learn(words: dict[str, int], size: int, least: int = 2) -> tuple[list[bytes], list[tuple[int, int]]]:
    times = np.array(list(words.values()), dtype=np.int64)
    learnt = learn_merges(Texts.of(list(words)), times, alphabet=ALPHABET, size=size, least=least)
    return learnt.entries, learnt.pairs


WORDS = st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=9), st.integers(1, 9), max_size=12)


@settings(deadline=None)  # the first call compiles
@given(WORDS, st.integers(256, 300), st.integers(1, 4))
def test_merges_are_those_of_the_definition(words: dict[str, int], size: int, least: int) -> None:
    assert learn(words, size, least) == plain_merges(words, size, least)


def test_repeats_are_merged_from_the_left() -> None:
    for word in ("aaa", "aaaa", "aaaaa", "ababab", "abaabaab", "aabbaabb" * 3):
        assert learn({word: 3}, 300) == plain_merges({word: 3}, 300, 2)


def test_two_ways_to_the_same_bytes_are_one_entry() -> None:
    words = {"abc": 5, "xbc": 9, "aby": 7, "abcz": 4, "bcq": 8}
    entries, pairs = learn(words, 300)
    assert (entries, pairs) == plain_merges(words, 300, 2)
    assert len(set(entries)) == len(entries)


def test_arrays_that_begin_too_small_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {
        f"{a}{b}{c}{a}{d}": 1 + (a * b + d) % 5
        for a in range(10)
        for b in range(10)
        for c in "xy"
        for d in range(3)
    }
    expected = learn(words, 700)
    monkeypatch.setattr(merges_module, "FIRST_PAIRS", 250)
    assert learn(words, 700) == expected == plain_merges(words, 700, 2)


def test_counts_are_64_bits() -> None:
    words = {"ab": 1 << 40, "cd": (1 << 40) + 1, "ef": 1 << 33}
    assert learn(words, 259)[0][256:] == [b"cd", b"ab", b"ef"]


def reference(texts: list[str], size: int) -> dict[str, object]:
    """What the trainer of `tokenizers` learns."""
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    model: dict[str, object] = json.loads(bpe.to_str())["model"]
    return model


@pytest.mark.parametrize(
    ("name", "characters", "size"),
    [
        ("books/books.jsonl.gz", 3_000_000, 8000),
        ("python-docs/python-docs.jsonl.gz", 1_500_000, 6000),
        ("linux-docs/linux-docs.jsonl.gz", 1_500_000, 3000),
    ],
)
def test_real_text_gives_the_merges_of_tokenizers(name: str, characters: int, size: int) -> None:
    texts = real_texts(name, characters)
    ours = json.loads(train_bpe(texts, vocab_size=size).to_json())["model"]
    theirs = reference(texts, size)
    assert ours["merges"] == theirs["merges"]
    assert ours["vocab"] == theirs["vocab"]


def test_every_number_of_workers_gives_the_same_file() -> None:
    texts = [f"line {n} of a text, naïve café {n * n}\n" for n in range(300)]
    batches = [Texts.of(texts[at : at + 7]) for at in range(0, len(texts), 7)]
    one = train_bpe_on_batches(batches, vocab_size=400).to_json()
    for workers in (2, 3):
        assert train_bpe_on_batches(batches, vocab_size=400, workers=workers).to_json() == one
    assert train_bpe_on_batches([Texts.of(texts)], vocab_size=400).to_json() == one


def test_each_merge_of_a_published_case_is_a_most_frequent_pair() -> None:
    """The case breaks ties another way (the greater pair of bytes), so its own merges are replayed here."""
    text = real_file("tokenizers/bpe-case/corpus.en").read_text()
    lines = real_file("tokenizers/bpe-case/merges.txt").read_text().splitlines()
    theirs = [tuple(line.split(" ")) for line in lines]
    words = Counter(regex.findall(GPT2_PATTERN, text))
    cut = {tuple(BYTE_CHARACTERS[byte] for byte in word.encode()): times for word, times in words.items()}
    best_of_theirs = []
    for left, right in theirs:
        counts: Counter[tuple[str, str]] = Counter()
        for word, times in cut.items():
            for pair in pairwise(word):
                counts[pair] += times
        assert counts[left, right] == max(counts.values())
        best_of_theirs.append(counts[left, right])
        after: Counter[tuple[str, ...]] = Counter()
        for word, times in cut.items():
            text_word: list[str] = []
            for piece in word:
                if text_word and text_word[-1] == left and piece == right:
                    text_word[-1] = left + right
                else:
                    text_word.append(piece)
            after[tuple(text_word)] += times
        cut = dict(after)
    ours, _ = learn(dict(words), 256 + len(theirs))
    assert len(
        {spelled(entry) for entry in ours[256:]} & {left + right for left, right in theirs}
    ) >= 0.97 * len(theirs)
