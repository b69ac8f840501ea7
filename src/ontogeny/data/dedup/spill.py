"""Packed pairs, more than fit in memory: kept on disk by ranges of their first document, sorted a range at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ontogeny.data.dedup.lsh import PLACE_BITS, Pairs

PARTS = 64
"""Files on disk; each holds the pairs of as many documents as the others."""


class SpilledPairs:
    """Pairs of `documents` documents, repeats included: in memory up to `memory_bytes`, beyond that on disk.

    To be used in a `with` statement, which removes the files. They lie where `tempfile` puts them (TMPDIR).
    """

    def __init__(self, documents: int, memory_bytes: int) -> None:
        self._documents, self._memory_bytes = documents, memory_bytes
        self._held: list[Pairs] = []
        self._held_bytes = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> SpilledPairs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, pairs: Pairs) -> None:
        """Keep `pairs`, in any order."""
        self._held.append(pairs)
        self._held_bytes += pairs.nbytes
        if self._held_bytes > self._memory_bytes:
            self._spill()

    def sorted_parts(self) -> Iterator[Pairs]:
        """All pairs in ascending order, repeats included, in parts that do not divide those of a first document."""
        if self._folder is None:
            yield _sorted(self._held)
            return
        self._spill()
        for part in range(PARTS):
            path = self._path(part)
            if path.exists():
                yield _sorted([np.fromfile(path, dtype=np.uint64)])

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="ontogeny-pairs-")
        edges = (np.arange(1, PARTS) * self._documents // PARTS).astype(np.uint64) << PLACE_BITS
        for pairs in self._held:
            pairs.sort()
            for part, each in enumerate(np.split(pairs, np.searchsorted(pairs, edges))):
                if len(each):
                    with self._path(part).open("ab") as sink:
                        each.tofile(sink)
        self._held, self._held_bytes = [], 0

    def _path(self, part: int) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / f"{part}.pairs"


def _sorted(parts: list[Pairs]) -> Pairs:
    every: npt.NDArray[np.uint64] = np.concatenate([np.empty(0, dtype=np.uint64), *parts])
    every.sort()
    return every
