"""Rank files: the tokens of tiktoken's own algorithm, and bad files refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import regex

from ontogeny.core.errors import ModelFormatError
from ontogeny.tokenizer.byte_level import BYTE_CHARACTERS
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.config import SPECIAL_TOKENS
from ontogeny.tokenizer.formats.tiktoken import PATTERNS, read_ranks
from tests.tokenizer.conftest import TEXTS
from tests.tokenizer.real_data import real_file, real_texts

ENTRIES = [bytes([byte]) for byte in range(256)] + [
    b"th", b"he", b"the", b" t", b" the", b"in", b"ing", b"re", b"er", b"er ", b"\xc3\xa9", b"  ",
]  # fmt: skip


def write_ranks(path: Path, entries: Sequence[bytes]) -> Path:
    lines = [f"{base64.b64encode(entry).decode()} {rank}\n" for rank, entry in enumerate(entries)]
    path.write_text("".join(lines))
    return path


def plain_encode(ranks: dict[bytes, int], pattern: str, text: str) -> list[int]:
    """tiktoken's algorithm: merge the neighbours of the lowest rank until none form an entry."""
    ids = []
    for word in regex.findall(pattern, text):
        parts = [bytes([byte]) for byte in word.encode()]
        while True:
            pairs = [ranks.get(a + b, len(ranks)) for a, b in pairwise(parts)]
            if word.encode() in ranks:
                parts = [word.encode()]
            if len(parts) == 1 or min(pairs) == len(ranks):
                break
            at = pairs.index(min(pairs))
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        ids += [ranks[part] for part in parts]
    return ids


@pytest.mark.parametrize("pattern", PATTERNS)
def test_tokens_are_those_of_tiktokens_algorithm(tmp_path: Path, pattern: str) -> None:
    path = write_ranks(tmp_path / "ours.tiktoken", ENTRIES)
    tokenizer = Tokenizer.load(path, pattern=pattern)  # type: ignore[arg-type]
    ranks = {entry: rank for rank, entry in enumerate(ENTRIES)}
    for text in [*TEXTS, "the there erer in the  thing", "Don't THE12345 <|endoftext|>"]:
        assert tokenizer.encode(text) == plain_encode(ranks, PATTERNS[pattern], text)  # type: ignore[index]
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.special_ids == {token: len(ENTRIES) + n for n, token in enumerate(SPECIAL_TOKENS)}
    assert tokenizer.vocab_size == len(ENTRIES) + 3
    assert tokenizer.end_of_text == "<|endoftext|>"


def test_a_known_name_says_the_rest(tmp_path: Path) -> None:
    path = write_ranks(tmp_path / "cl100k_base.tiktoken", ENTRIES)
    tokenizer = Tokenizer.load(path)
    assert tokenizer.special_ids["<|endofprompt|>"] == 100276
    assert tokenizer.vocab_size == 100277  # no id lies beyond the size
    assert tokenizer.end_of_text_id == 100257
    tokenizer.save(tmp_path)
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    assert (again.encode("12345 the"), again.special_ids) == (
        tokenizer.encode("12345 the"),
        tokenizer.special_ids,
    )


def test_gpt2_as_published_encodes_real_text_as_its_own_merges_do(tmp_path: Path) -> None:
    vocabulary = json.loads(real_file("tokenizers/gpt2/encoder.json").read_text())
    byte_of = {character: byte for byte, character in enumerate(BYTE_CHARACTERS)}
    entries = [bytes(byte_of[c] for c in name) for name in vocabulary if name != "<|endoftext|>"]
    tokenizer = Tokenizer.load(write_ranks(tmp_path / "gpt2.tiktoken", entries))
    assert tokenizer.vocab_size == 50257
    assert tokenizer.encode("Hello world, this is GPT-2.") == [
        15496,
        995,
        11,
        428,
        318,
        402,
        11571,
        12,
        17,
        13,
    ]
    ranks = {entry: rank for rank, entry in enumerate(entries)}
    for text in real_texts("python-docs/python-docs.jsonl.gz", 60_000):
        assert tokenizer.encode(text[:4000]) == plain_encode(ranks, PATTERNS["gpt2"], text[:4000])


def line(entry: bytes, rank: object) -> str:
    return f"{base64.b64encode(entry).decode()} {rank}\n"


@pytest.mark.parametrize(
    ("tail", "message", "where"),
    [
        ("not base64! 256\n", "not a line of base64 and rank", "line 257"),
        (line(b"ab", "x"), "not a line of base64 and rank", "line 257"),
        ("YWI=\n", "not a line of base64 and rank", "line 257"),
        (line(b"ab", 3), "rank 3 twice", "line 257"),
        (line(b"ab", 300), "ranks have gaps", "ours.tiktoken"),
        (line(b"a", 256), "an entry stands twice", "ours.tiktoken"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, tail: str, message: str, where: str) -> None:
    path = write_ranks(tmp_path / "ours.tiktoken", ENTRIES[:256])
    path.write_text(path.read_text() + tail)
    with pytest.raises(ModelFormatError, match=message) as caught:
        Tokenizer.load(path, pattern="gpt2")
    assert where in str(caught.value.where)


def test_a_missing_byte_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="not every byte has an entry"):
        read_ranks(write_ranks(tmp_path / "x.tiktoken", ENTRIES[1:]))


def test_empty_and_binary_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tiktoken").write_bytes(b"")
    with pytest.raises(ModelFormatError, match="not every byte"):
        Tokenizer.load(tmp_path / "x.tiktoken", pattern="gpt2")
    (tmp_path / "x.tiktoken").write_bytes(bytes(range(256)))
    with pytest.raises(ModelFormatError, match="not a line of base64"):
        Tokenizer.load(tmp_path / "x.tiktoken", pattern="gpt2")


def test_an_unknown_name_needs_a_pattern(tmp_path: Path) -> None:
    path = write_ranks(tmp_path / "mine.tiktoken", ENTRIES)
    with pytest.raises(ModelFormatError, match="'mine' is no known name") as caught:
        Tokenizer.load(path)
    assert "one of gpt2, cl100k, o200k, qwen2" in str(caught.value.hint)


def test_more_entries_than_the_name_allows_are_refused(tmp_path: Path) -> None:
    entries = ENTRIES[:256] + [n.to_bytes(3, "big") for n in range(50_100)]
    with pytest.raises(ModelFormatError, match="it has 50,356 entries, more than gpt2 has"):
        Tokenizer.load(write_ranks(tmp_path / "gpt2.tiktoken", entries))
