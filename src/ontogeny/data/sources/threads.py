"""Questions with their answers, brought together from a file that lists posts by date.

Posts go into a temporary file, with where they begin there and what orders them in memory: about 80 bytes a post while
they are sorted, whatever the posts hold. A thread is read back when it is its turn.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np

IN_MEMORY_BYTES = 64 << 20
"""Of packed posts; more go to a file in the system's temporary folder."""


@dataclass(frozen=True)
class Post:
    """A question, which is a thread of its own `number`, or an answer to the question of that number."""

    number: int
    thread: int
    score: int
    accepted: int
    """Of a question, the number of the answer that the one who asked accepted; 0 for none."""
    row: dict[str, str]
    locator: str


@contextmanager
def open_threads() -> Iterator[Threads]:
    """No threads yet; what is added lies in a temporary file, gone at the end."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        yield Threads(file)


class Threads:
    """Takes posts in any order and gives them back thread by thread."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._numbers, self._threads, self._accepted = array("q"), array("q"), array("q")
        self._scores, self._places = array("q"), array("q", [0])

    def add(self, post: Post) -> None:
        """One more post."""
        record = zlib.compress(json.dumps([post.row, post.locator]).encode(), 1)
        self._file.write(record)
        self._numbers.append(post.number)
        self._threads.append(post.thread)
        self._scores.append(post.score)
        self._accepted.append(post.accepted)
        self._places.append(self._places[-1] + len(record))

    def in_order(self, start: int = 0) -> Iterator[list[Post]]:
        """The posts of each thread, by its number, from the thread at place `start` on.

        The question is first if it is there, then its accepted answer, then the others, most votes first.
        """
        numbers, threads, accepted, scores = (
            np.array(column, np.int64)
            for column in (self._numbers, self._threads, self._accepted, self._scores)
        )
        chosen = np.isin(numbers, accepted[accepted > 0])
        order = np.lexsort((numbers, -scores, ~chosen, numbers != threads, threads))
        threads = threads[order]
        bounds = np.flatnonzero(np.concatenate(([True], threads[1:] != threads[:-1], [True])))
        if len(order) == 0:
            return
        for first, end in zip(bounds[start:-1].tolist(), bounds[start + 1 :].tolist(), strict=True):
            yield [self._post(int(place)) for place in order[first:end]]

    def _post(self, place: int) -> Post:
        start, end = self._places[place], self._places[place + 1]
        self._file.seek(start)
        row, locator = json.loads(zlib.decompress(self._file.read(end - start)))
        number, thread = self._numbers[place], self._threads[place]
        return Post(number, thread, self._scores[place], self._accepted[place], row, locator)
