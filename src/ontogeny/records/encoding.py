"""Files of rows in UTF-16 or UTF-32, as spreadsheets and PowerShell write them, read as UTF-8.

Their byte order mark tells; a file without one is UTF-8, or what its reader was told. What does not decode becomes
bytes that are not UTF-8 either, so that it is the fault of its own row and of no other.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from ontogeny.core.remote import AnyPath
from ontogeny.records.compressed import Watch, open_bytes
from ontogeny.records.formats import Note

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# UTF-32 first: its mark begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
MARK_BYTES = 4
CHUNK_BYTES = 1 << 16

UNREADABLE = "\udcff"
"""Stands for what does not decode: half a character, which UTF-8 cannot hold."""


def _mark_unreadable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNREADABLE, error.end


codecs.register_error("ontogeny-unreadable", _mark_unreadable)


def wide_encoding(start: bytes) -> str | None:
    """`UTF-16` or `UTF-32` for a file that begins with the byte order mark of one, None for any other."""
    return next((name for mark, name in MARKS if start.startswith(mark)), None)


@contextmanager
def open_utf8(
    path: AnyPath, watch: Watch | None = None, note: Note | None = None, encoding: str | None = None
) -> Iterator[tuple[BinaryIO, bool]]:
    """The decompressed bytes of `path` in UTF-8, and whether they were in another encoding.

    `encoding` is that of a file without a byte order mark. If it is another one, positions in the stream are none of
    the file, and `note` is told of it.

    Raises:
        DamagedStreamError: on reading, where a compressed stream is truncated or corrupt.
    """
    with open_bytes(path, watch) as stream:
        # All of them peek: files, and streams of compressed ones and of URLs; the type says so only of the first.
        start = cast(io.BufferedReader, stream).peek(MARK_BYTES)[:MARK_BYTES]
        encoding = wide_encoding(start) or encoding
        if encoding is None:
            yield stream, False
            return
        if note is not None:
            note(encoding)
        yield cast(BinaryIO, io.BufferedReader(_Recoded(stream, encoding), CHUNK_BYTES)), True


class _Recoded(io.RawIOBase):
    """`stream`, which is in `encoding`, as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream, self._ready, self._ended = stream, b"", False
        self._decoder = codecs.getincrementaldecoder(encoding)("ontogeny-unreadable")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        while not self._ready and not self._ended:
            data = self._stream.read(CHUNK_BYTES)
            self._ended = not data
            self._ready = self._decoder.decode(data, self._ended).encode("utf-8", "surrogatepass")
        given, self._ready = self._ready[: len(view)], self._ready[len(view) :]
        view[: len(given)] = given
        return len(given)
