from collections import Counter
from itertools import pairwise

import pytest
import regex

from ontogeny.core.errors import DataError
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.config import LEAST_VOCAB_SIZE, QWEN2_PATTERN, SPECIAL_TOKENS
from ontogeny.tokenizer.train import train_bpe
from tests.tokenizer.conftest import TEXTS


def reference_words(texts: list[str], merges: int) -> set[bytes]:
    """The entries of plain BPE over bytes, the most frequent pair first, ties to the smaller pair of entries."""
    words = Counter(
        tuple(bytes([b]) for b in word.encode())
        for text in texts
        for word in regex.findall(QWEN2_PATTERN, text)
    )
    entries = set()
    for _ in range(merges):
        pairs: Counter[tuple[bytes, bytes]] = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        best = max(pairs.values())
        if best < 2:
            break
        top = [pair for pair, count in pairs.items() if count == best]
        if len(top) > 1:
            break  # what a tie does is the library's affair; up to here the entries must agree
        merged: Counter[tuple[bytes, ...]] = Counter()
        for word, count in words.items():
            out: list[bytes] = []
            for piece in word:
                if out and (out[-1], piece) == top[0]:
                    out[-1] += piece
                else:
                    out.append(piece)
            merged[tuple(out)] += count
        words = merged
        entries.add(b"".join(top[0]))
    return entries


def test_the_first_merges_are_those_of_plain_bpe() -> None:
    texts = ["the the the the cat cat cat sat sat on on on on on a mat"] * 2
    expected = reference_words(texts, 30)
    assert expected
    tokenizer = train_bpe(texts, vocab_size=LEAST_VOCAB_SIZE + len(expected))
    assert {tokenizer.decode([LEAST_VOCAB_SIZE + i]).encode() for i in range(len(expected))} == expected


def test_training_twice_gives_the_same_bytes(tokenizer: Tokenizer, tmp_path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        train_bpe(TEXTS, vocab_size=400).save(tmp_path / name)
    assert (tmp_path / "a" / "tokenizer.json").read_bytes() == (
        tmp_path / "b" / "tokenizer.json"
    ).read_bytes()


def test_the_size_asked_for_is_kept_or_what_the_text_can_give(tokenizer: Tokenizer) -> None:
    assert tokenizer.vocab_size == 400
    assert train_bpe(["abab"], vocab_size=1000).vocab_size < 1000
    assert [tokenizer.special_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2]


def test_no_text_is_refused() -> None:
    with pytest.raises(DataError, match="no text to train"):
        train_bpe([], vocab_size=400)
