"""How a vocabulary is used by tokens that were made with it: which entries, how often, and how many of them are scraps.

A scrap says that the tokenizer was not learnt from such text: the unknown token, which loses what it stands for, or an
entry that holds only a part of a character, as bytes do that no merge joins and the byte fallback of SentencePiece.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.tokenizer.byte_level import BYTE_CHARACTERS
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.shards import TokenShards

SLICE_TOKENS = 1 << 22  # counted at once: a few dozen megabytes
MOST_FREQUENT = 20
RANKS_PER_DOUBLING = 4  # of the curve of coverage
FALLBACK = re.compile(r"<0x([0-9A-Fa-f]{2})>")
WORD_BOUNDARY = "\N{LOWER ONE EIGHTH BLOCK}"  # how SentencePiece spells a space


@dataclass(frozen=True, eq=False)
class Entries:
    """What the ids of a tokenizer stand for: (V,) each."""

    texts: list[str]
    """For people; a byte that is no character is written as \\xe2."""
    partial: npt.NDArray[np.bool_]
    """Holds a part of a character, or is a byte that stands in for one."""
    unknown: int | None
    """The id of the unknown token."""

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Entries:
        """The entries of a tokenizer, special tokens included."""
        described = json.loads(tokenizer.to_json())
        model = described["model"]
        vocabulary = model["vocab"]
        names = dict(vocabulary) if isinstance(vocabulary, dict) else {}
        if not names:
            names = {name: number for number, (name, _) in enumerate(vocabulary)}
        byte_level = "ByteLevel" in json.dumps([described["decoder"], described["pre_tokenizer"]])
        values = {character: byte for byte, character in enumerate(BYTE_CHARACTERS)} if byte_level else {}
        special = set(tokenizer.special_ids.values())
        texts = [""] * tokenizer.vocab_size
        partial = np.zeros(len(texts), dtype=np.bool_)
        for name, number in names.items():
            if number not in special:
                texts[number], partial[number] = _shown(name, values)
        for name, number in tokenizer.special_ids.items():
            texts[number] = name
        unknown = model.get("unk_token", model.get("unk_id"))
        return cls(texts, partial, names.get(unknown) if isinstance(unknown, str) else unknown)


def _shown(name: str, values: dict[str, int]) -> tuple[str, bool]:
    """An entry as text, and whether it holds a part of a character."""
    if FALLBACK.fullmatch(name):
        return name, True
    if not values or not all(character in values for character in name):
        return name.replace(WORD_BOUNDARY, " "), False
    data = bytes(values[character] for character in name)
    try:
        return data.decode(), False
    except UnicodeDecodeError:
        return data.decode(errors="backslashreplace"), True


@dataclass(frozen=True, eq=False)
class Usage:
    """`counts` (V,): how often each id stands in the shards; the others (n,): how many of each document's are such."""

    counts: npt.NDArray[np.int64]
    partial: npt.NDArray[np.int64]
    unknown: npt.NDArray[np.int64]


def usage(shards: TokenShards, entries: Entries) -> Usage:
    """Count the tokens of all documents, a slice at a time."""
    documents = shards.documents
    count = len(documents["length"])
    counts = np.zeros(len(entries.texts), dtype=np.int64)
    partial, unknown = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for rows in _slices(documents):
        first, last = rows[0], rows[-1]
        begin = int(documents["start"][first])
        end = int(documents["start"][last] + documents["length"][last])
        ids = shards.read(int(documents["shard"][first]), begin, end - begin)
        counts += np.bincount(ids, minlength=len(counts))
        starts = documents["start"][rows] - begin
        partial[rows] = np.add.reduceat(entries.partial[ids].astype(np.int64), starts)
        if entries.unknown is not None:
            unknown[rows] = np.add.reduceat((ids == entries.unknown).astype(np.int64), starts)
    return Usage(counts, partial, unknown)


def _slices(documents: dict[str, npt.NDArray[Any]]) -> Iterator[npt.NDArray[np.int64]]:
    """Positions of documents that follow each other in a shard: some SLICE_TOKENS together, or a longer one alone."""
    shard, end = documents["shard"], documents["start"] + documents["length"]
    row = 0
    while row < len(shard):
        within = int(np.searchsorted(shard, shard[row], side="right"))
        enough = row + int(
            np.searchsorted(end[row:within], documents["start"][row] + SLICE_TOKENS, side="right")
        )
        last = max(row + 1, enough)
        yield np.arange(row, last, dtype=np.int64)
        row = last


def vocabulary_figures(counts: npt.NDArray[np.int64], entries: Entries) -> dict[str, Any]:
    """Entries seen, the most frequent ones, and the share of all tokens that so many of them cover."""
    tokens = int(counts.sum())
    order = np.argsort(-counts, kind="stable")
    covered = np.cumsum(counts[order]) / max(tokens, 1)
    seen = int((counts > 0).sum())
    unknown = int(counts[entries.unknown]) if entries.unknown is not None else None
    partial = int(counts[entries.partial].sum())
    return {
        "size": len(counts),
        "seen": seen,
        "once": int((counts == 1).sum()),
        "tokens": tokens,
        "unknown": unknown,
        "unknown_share": None if unknown is None else unknown / max(tokens, 1),
        "partial_entries": int(entries.partial.sum()),
        "partial": partial,
        "partial_share": partial / max(tokens, 1),
        "most_frequent": [
            {"token": entries.texts[number], "count": int(counts[number]), "share": int(counts[number]) / tokens}
            for number in order[: min(MOST_FREQUENT, seen)]
        ],
        "coverage": [
            {"entries": rank, "share": float(covered[rank - 1])} for rank in _ranks(seen)
        ],
    }  # fmt: skip


def _ranks(seen: int) -> list[int]:
    """1, ... and `seen`, some of each doubling between."""
    steps = int(np.log2(seen) * RANKS_PER_DOUBLING) + 1 if seen else 0
    ranks = {round(2 ** (step / RANKS_PER_DOUBLING)) for step in range(steps)}
    return sorted({*ranks, seen} - {0})
