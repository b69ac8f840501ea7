"""Personal data in a batch of texts: found, counted, masked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ontogeny.data.pii.candidates import find_candidates
from ontogeny.data.pii.kinds import KINDS, PERSONAL, PLACEHOLDERS, Kind, count_column
from ontogeny.data.pii.recognise import Span, recognise
from ontogeny.data.texts import Texts

STRONGEST: tuple[Kind, ...] = ("secret", "email", "iban", "card", "ip", "private-ip", "phone")
"""Which of two kinds stands where both were found: the one that is harder to meet by chance."""


@dataclass(frozen=True, eq=False)
class Found:
    """m places, in the order of the buffer, none of which overlap.

    Attributes:
        text: (m,) int64, the text's number.
        start, end: (m,) int64, bytes of `Texts.data`.
        kind: (m,) int8, positions in `KINDS`.
    """

    text: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.kind)


def find_pii(texts: Texts, kinds: Sequence[Kind] = PERSONAL) -> Found:
    """Where personal data of `kinds` stands."""
    rows: list[tuple[int, int, int, int]] = []
    for text, candidates in itertools.groupby(find_candidates(texts).tolist(), key=lambda each: int(each[1])):
        begin, end = int(texts.offsets[text]), int(texts.offsets[text + 1])
        # The text by itself: patterns look around what they match, and must not see its neighbours.
        whole = texts.data[begin:end].tobytes()
        spans = [
            span
            for what, _, first, last in candidates
            for span in recognise(what, whole, first - begin, last - begin)
        ]
        rows += [
            (text, begin + first, begin + last, KINDS.index(kind))
            for first, last, kind in _apart(spans)
            if kind in kinds
        ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Found(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(np.int8))


def count_pii(found: Found, count: int) -> dict[str, npt.NDArray[np.int32]]:
    """How many of each kind were found in each of `count` texts, a column (n,) a kind."""
    table = np.zeros((len(KINDS), count), dtype=np.int32)
    np.add.at(table, (found.kind.astype(np.int64), found.text), 1)
    return {count_column(kind): table[number] for number, kind in enumerate(KINDS)}


def mask_found(texts: Texts, found: Found) -> Texts:
    """`texts` with the placeholder of its kind for everything `found` in them."""
    if not len(found):
        return texts
    begin, stop = int(texts.offsets[0]), int(texts.offsets[-1])
    whole, at = memoryview(texts.data.tobytes()), begin
    pieces: list[bytes | memoryview] = []
    grown = np.zeros(len(texts), dtype=np.int64)
    rows = zip(
        found.text.tolist(), found.start.tolist(), found.end.tolist(), found.kind.tolist(), strict=True
    )
    for text, start, end, kind in rows:
        placeholder = PLACEHOLDERS[KINDS[kind]].encode()
        pieces += [whole[at:start], placeholder]
        grown[text] += len(placeholder) - (end - start)
        at = end
    pieces.append(whole[at:stop])
    offsets = texts.offsets - begin
    offsets[1:] += np.cumsum(grown)
    return Texts(np.frombuffer(b"".join(pieces), dtype=np.uint8), offsets)


def _apart(spans: list[Span]) -> list[Span]:
    """`spans` of one text in order; of those that overlap, the strongest, then the longest."""
    chosen: list[Span] = []
    pile: list[Span] = []  # spans that overlap, each with one before it
    reach = 0
    for span in sorted(spans):
        if span[0] >= reach:
            chosen += _strongest(pile)
            pile = []
        pile.append(span)
        reach = max(reach, span[1])
    return chosen + _strongest(pile)


def _strongest(pile: list[Span]) -> list[Span]:
    chosen: list[Span] = []
    for span in sorted(pile, key=lambda each: (STRONGEST.index(each[2]), each[0] - each[1], each[0])):
        if all(span[1] <= other[0] or span[0] >= other[1] for other in chosen):
            chosen.append(span)
    return sorted(chosen)
