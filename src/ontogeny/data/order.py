"""The order of a corpus: by digest, then doc_id, then whatever else is known of a document, its locator last.

Among equal digests, documents of corpora made before come first.

It is strict, so that of documents equal in content and id the same one comes first however the input was divided. What
tells such documents apart is read for them alone. Numbers and strings are sorted as words of 32 bits, the least
significant first, each packed with a position into 64 bits, in place: 12 bytes a document beside its keys and where it
lies, and 24 where all are equal.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ontogeny.data.portions import Portion
from ontogeny.data.texts import Texts

if TYPE_CHECKING:
    import pyarrow as pa

BETWEEN_EQUALS = ("source", "date", "license", "url", "group", "language", "extractor", "locator")
"""Columns that order documents equal in content and id. The locator, which names a file, comes after all else that the
corpus holds of a document: so how records are spread over files decides nothing else. What is not known comes last."""

BLOCK_ROWS = 1 << 16
"""Rows that are gathered at once."""

WORDS_BYTES = 4 << 20
"""What the words of a column may take that are read at once."""

WORD = 4
UNKNOWN = np.uint32(0xFFFFFFFF)
"""Above every word of UTF-8."""

BY_SIGNIFICANCE = (2, 3, 0, 1)
"""The words of a key, two 64-bit numbers in memory, from the least significant on."""

Keys = npt.NDArray[np.uint64]
"""(n, 2): the first 16 bytes of a digest, or an id."""

NONE = range(0)

Order = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]


def blocks(count: int) -> Iterator[slice]:
    """Positions below `count`, `BLOCK_ROWS` at a time."""
    return (slice(start, min(start + BLOCK_ROWS, count)) for start in range(0, count, BLOCK_ROWS))


def corpus_order(
    digest: Keys,
    doc_id: Keys,
    portion: Order,
    row: Order,
    portions: Sequence[Portion],
    old: range = NONE,
) -> Order:
    """The n documents in the order of a corpus, by their positions; `portion` and `row` (n,) lead to each.

    `old` are the numbers of the portions of corpora made before.
    """
    order, same_start = _by_first_bits(digest[:, 0])

    def words_of(keys: Keys, rows: Order) -> Iterator[Words]:
        words = keys.view(np.uint32)
        yield from (_taken(words[:, place], rows) for place in BY_SIGNIFICANCE)

    def numbers(rows: Order) -> Iterator[Words]:
        yield from words_of(doc_id, rows)
        if old:
            yield (~are_in(old, _taken(portion, rows))).astype(np.uint32)
        yield from words_of(digest, rows)

    def all_words(rows: Order) -> Iterator[Words]:
        for column in reversed(BETWEEN_EQUALS):
            yield from _words_of(column, rows, portion, row, portions)
        yield from numbers(rows)

    _settle(order, same_start, numbers)
    del same_start
    _settle(order, _same_as_before(order, digest, doc_id), all_words)
    return order


def are_in(numbers: range, portion: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Which of `portion` (n,) are among `numbers`, which follow each other."""
    within: npt.NDArray[np.bool_] = (portion >= numbers.start) & (portion < numbers.stop)
    return within


def permute(column: npt.NDArray[Any], order: Order) -> None:
    """Put `column` (n,) into `order`, in its own memory."""
    column[:] = _taken(column, order)


def places_in(order: Order) -> Order:
    """Where in `order` each position stands, (n,)."""
    places = np.empty_like(order)
    for block in blocks(len(order)):
        places[order[block]] = np.arange(block.start, block.stop, dtype=order.dtype)
    return places


def _by_first_bits(numbers: npt.NDArray[np.uint64]) -> tuple[Order, npt.NDArray[np.bool_]]:
    """The order of as many first bits of `numbers` (n,) as leave room for a position, and where they are the same as
    in the number before.
    """
    position_mask = np.uint64((1 << len(numbers).bit_length()) - 1)
    packed = np.arange(len(numbers), dtype=np.uint64)
    for block in blocks(len(numbers)):
        packed[block] |= numbers[block] & ~position_mask
    packed.sort()
    order, same = np.empty(len(packed), dtype=np.int32), np.zeros(len(packed), dtype=np.bool_)
    for block in blocks(len(packed)):
        order[block] = packed[block] & position_mask
        first = packed[max(block.start - 1, 0) : block.stop] & ~position_mask
        same[block.stop - len(first) + 1 : block.stop] = first[1:] == first[:-1]
    return order, same


def _same_as_before(order: Order, digest: Keys, doc_id: Keys) -> npt.NDArray[np.bool_]:
    same = np.zeros(len(order), dtype=np.bool_)
    for block in blocks(len(order)):
        rows = order[max(block.start - 1, 0) : block.stop]
        equal = (digest[rows[1:]] == digest[rows[:-1]]) & (doc_id[rows[1:]] == doc_id[rows[:-1]])
        same[block.stop - len(rows) + 1 : block.stop] = equal.all(axis=1)
    return same


def _settle(order: Order, same: npt.NDArray[np.bool_], words_of: Callable[[Order], Iterable[Words]]) -> None:
    """Order each run of equal rows by its words, in place; `same` (n,) says which equal the one before.

    `words_of` gives the words of rows, which are a run's neighbours in `order` and not yet apart: the least significant
    first, and last of all those that tell the runs apart.
    """
    same[:-1] |= same[1:]  # and the first of each run
    rows = order[same]
    if not len(rows):
        return
    rows.sort()
    order[same] = -1
    del same
    places = np.arange(len(rows), dtype=np.int32)
    for words in words_of(rows):
        sort_by(places, words)
    order[order < 0] = _taken(rows, places)


def sort_by(places: Order, words: Words) -> None:
    """Order `places` (n,) by their `words` (n,), in place; equals stay as they stood."""
    if words.min() == words.max():
        return
    packed = np.arange(len(places), dtype=np.uint64)
    for block in blocks(len(places)):
        packed[block] |= words[places[block]].astype(np.uint64) << np.uint64(32)
    packed.sort()
    for block in blocks(len(places)):
        packed[block] = places[packed[block] & UNKNOWN]
    places[:] = packed


def _taken(column: npt.NDArray[Any], rows: Order) -> npt.NDArray[Any]:
    """`column[rows]`, without a copy of `rows` in 64 bits."""
    taken = np.empty(len(rows), dtype=column.dtype)
    for block in blocks(len(rows)):
        taken[block] = column[rows[block]]
    return taken


def _words_of(
    name: str, rows: Order, portion: Order, row: Order, portions: Sequence[Portion]
) -> Iterator[Words]:
    """The words of the strings in a column, from the last to the first, as long as the longest string has any."""

    @functools.cache
    def column_of(number: int) -> pa.ChunkedArray[Any]:
        return portions[number].documents([name]).column(name)

    def strings() -> Iterator[tuple[slice, Texts, npt.NDArray[np.bool_]]]:
        for here, number in _stretches(rows, portion):
            array = column_of(number).take(row[rows[here]]).combine_chunks()
            yield here, Texts.of_arrow(array.fill_null("")), array.is_null().to_numpy(zero_copy_only=False)

    longest = max(int(texts.sizes.max(initial=1)) for _, texts, _ in strings())
    count = -(-longest // WORD)
    at_once = max(1, min(count, WORDS_BYTES // WORD // len(rows)))
    for start in reversed(range(0, count, at_once)):
        words = np.empty((len(rows), at_once), dtype=np.uint32)
        for here, texts, unknown in strings():
            words[here] = _cut(texts, start * WORD, at_once)
            words[here][unknown] = UNKNOWN
        yield from (words[:, number] for number in reversed(range(at_once)))


def _stretches(rows: Order, portion: Order) -> Iterator[tuple[slice, int]]:
    """Positions in `rows` one after another that lie in one portion, and its number; a block at most."""
    for block in blocks(len(rows)):
        numbers = portion[rows[block]]
        bounds = [*np.flatnonzero(np.diff(numbers, prepend=-1)).tolist(), len(numbers)]
        for start, end in itertools.pairwise(bounds):
            yield slice(block.start + start, block.start + end), int(numbers[start])


def _cut(texts: Texts, start: int, count: int) -> Words:
    """`count` words of each text from byte `start` on, (n, count); zeros follow its end."""
    places = texts.offsets[:-1, None] + np.arange(start, start + count * WORD)
    places = np.where(places < texts.offsets[1:, None], places, len(texts.data))
    words: Words = np.append(texts.data, np.uint8(0))[places].view(">u4").astype(np.uint32)
    return words
