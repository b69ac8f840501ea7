"""Files read whole by one worker, and compressed streams that may not unfold without end."""

from __future__ import annotations

import bz2
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from ontogeny.core.remote import AnyPath
from ontogeny.data.sources.files import FileSource, Unit
from ontogeny.records.formats import DamagedStreamError, Watch, open_bytes
from ontogeny.records.paths import expand

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_RATIO = 200
"""Bytes that one compressed byte may stand for. Dumps of XML and HTML have 3 to 20; archive bombs 1,000 and more."""

UNCHECKED_BYTES = 64 << 20
"""Beginning of a stream within which the ratio is not looked at: little harm, and readers read ahead."""

SKIP_BYTES = 1 << 20


def whole_files(source: FileSource) -> list[Unit]:
    """Each file of `source` as one unit, whatever its suffix.

    Raises:
        RecipeError: nothing of that name.
    """
    return [Unit(path, path.stat().st_size) for path in expand(source.path)]


@contextmanager
def open_limited(path: AnyPath, watch: Watch | None = None) -> Iterator[BinaryIO]:
    """The bytes of `path`, decompressed if its suffix is `.gz`, `.zst` or `.bz2`.

    Raises:
        DamagedStreamError: on reading, where the stream is truncated or corrupt, or unfolds more than MAX_RATIO times.
    """
    files: list[BinaryIO] = []

    def remember(file: BinaryIO) -> None:
        files.append(file)
        if watch is not None:
            watch(file)

    opened = _open_bzip2(path, remember) if path.suffix.lower() == ".bz2" else open_bytes(path, remember)
    with opened as stream:
        yield stream if stream is files[0] else cast(BinaryIO, io.BufferedReader(_Limited(stream, files[0])))


@contextmanager
def _open_bzip2(path: AnyPath, watch: Watch) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            watch(file)
            with bz2.BZ2File(file) as stream:
                yield cast(BinaryIO, stream)
    except EOFError as error:
        raise DamagedStreamError(
            "the compressed stream ends before its end: the file is truncated"
        ) from error
    except OSError as error:
        raise DamagedStreamError(f"the compressed stream is corrupt ({error})") from error


def skip_bytes(stream: BinaryIO, count: int) -> int:
    """Pass over the first `count` bytes of `stream`, as a jump where it can; returns where that leads."""
    if stream.seekable():
        return stream.seek(count)
    passed = 0
    while passed < count and (data := stream.read(min(SKIP_BYTES, count - passed))):
        passed += len(data)
    return passed


class _Limited(io.RawIOBase):
    """Reads `stream`, which decompresses `file`, as long as the one is not out of proportion to the other."""

    def __init__(self, stream: BinaryIO, file: BinaryIO) -> None:
        self._stream, self._file, self._read = stream, file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self._read += len(data)
        if self._read > UNCHECKED_BYTES and self._read > MAX_RATIO * self._file.tell():
            raise DamagedStreamError(
                f"the compressed stream unfolds more than {MAX_RATIO} times: an archive bomb, not text"
            )
        return len(data)
