"""Compressed files as streams of bytes: which there are, told by their names, and how far one may unfold.

A stream that ends early, does not decompress or unfolds out of all proportion is one error, `DamagedStreamError`, and
everything before that place is read. Archives, which hold several files, are refused by name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias, cast

from ontogeny.core.errors import RecipeError
from ontogeny.core.remote import AnyPath

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_RATIO = 1_000
"""Bytes that one compressed byte may stand for. Text and dumps have 3 to 20; pages of 3 kB that differ in one number,
the most repetitive text that is any, 145 (gzip) to 860 (xz); zeros, as in archive bombs, 1,026 (gzip, which can do no
more than 1,032) to 180,000 (bzip2). Measured on 8 MiB of each."""

UNCHECKED_BYTES = 64 << 20
"""Beginning of a stream within which the ratio is not looked at: little harm, even where one row is repeated for ever,
and decompressors read ahead."""

MAX_WINDOW_BYTES = 256 << 20
"""Memory that an xz file may ask for; `xz -9` asks for 65 MiB (its manual). Zstandard's own limit is 128 MiB."""

PACKED_BYTES = 1 << 16
TRUNCATED = "the compressed stream ends before its end: the file is truncated"

Watch: TypeAlias = Callable[[BinaryIO], None]
"""Told of the file as it lies on disk, whose `tell` says how far a reader has come."""


class DamagedStreamError(Exception):
    """A compressed stream that ends early, does not decompress, or never ends; the message says which."""


@contextmanager
def open_bytes(path: AnyPath, watch: Watch | None = None) -> Iterator[BinaryIO]:
    """The bytes of `path`, decompressed as its suffix says, as a buffered stream.

    Raises:
        DamagedStreamError: on reading, where the compressed stream is truncated or corrupt, or unfolds more than
            MAX_RATIO times.
    """
    unpack = COMPRESSIONS.get(path.suffix.lower())
    with path.open("rb") as file:
        if watch is not None:
            watch(file)
        if unpack is None:
            yield file
        else:
            with unpack(file) as unpacked, io.BufferedReader(_Limited(unpacked, file)) as stream:
                yield cast(BinaryIO, stream)


def is_compressed(path: AnyPath) -> bool:
    """Whether the name of `path` says that it is compressed."""
    return path.suffix.lower() in COMPRESSIONS


def refuse_archive(path: AnyPath) -> None:
    """Raises RecipeError where the name of `path` says that it holds several files, or is packed in a way not read."""
    name = path.name.lower()
    suffix = PurePath(name).suffix
    if is_compressed(path) and name.removesuffix(suffix).endswith(".tar"):
        suffix = f".tar{suffix}"
    if suffix in NOT_READ or suffix.startswith(".tar"):
        raise RecipeError(
            f"{suffix} files are not read as they are",
            where=str(path),
            hint=f"unpack it and give the path of what it held; of packed files, {', '.join(COMPRESSIONS)} are read",
        )


class _Limited(io.RawIOBase):
    """Reads `unpacked`, which decompresses `file`, as long as the one is not out of proportion to the other."""

    def __init__(self, unpacked: io.BufferedIOBase, file: BinaryIO) -> None:
        self._unpacked, self._file, self._read = unpacked, file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._read > UNCHECKED_BYTES and self._read > MAX_RATIO * self._file.tell():
            raise DamagedStreamError(
                f"the compressed stream unfolds more than {MAX_RATIO:,} times, as archive bombs do;"
                " unpack the file yourself if it is none"
            )
        view = memoryview(buffer)
        try:
            # Not `read`, which loses what it has when the stream then turns out to be damaged.
            data = self._unpacked.read1(len(view))
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's, not the decompressor's
            raise DamagedStreamError(_in_words(error)) from error
        view[: len(data)] = data
        self._read += len(data)
        return len(data)


def _in_words(error: Exception) -> str:
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return TRUNCATED
    return f"the compressed stream is corrupt ({error})"


class _Unpacker(Protocol):
    """What `bz2` and `lzma` have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Streams(io.RawIOBase):
    """The streams of a bzip2 or xz file, one after the other, as parallel packers and the multistream dumps write them.

    The standard library's own files take a later stream whose beginning is damaged for the end of the file, and say
    nothing; here it is an error, as is anything else that follows a stream but zeros.
    """

    def __init__(self, file: BinaryIO, begin: Callable[[], _Unpacker]) -> None:
        self._file, self._begin, self._unpacker = file, begin, begin()
        self._number = 1
        self._packed = file.read(PACKED_BYTES)
        """Read, and not yet given to the decompressor, which keeps to itself what it was given."""
        self._is_empty = not self._packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        while len(view) and not self._is_empty:
            if self._unpacker.eof and not self._begin_stream():
                break
            if self._unpacker.needs_input and not (self._packed or self._read_packed()):
                raise EOFError
            try:
                data = self._unpacker.decompress(self._packed, len(view))
            except (OSError, lzma.LZMAError) as error:
                raise OSError(f"{error} in stream {self._number:,} of the file") from error
            self._packed = b""
            if data:
                view[: len(data)] = data
                return len(data)
        return 0

    def _begin_stream(self) -> bool:
        """Be ready for the next stream; False at the end of the file, padded with zeros or not."""
        rest = self._unpacker.unused_data.lstrip(b"\0")
        while not rest:
            if not self._read_packed():
                return False
            rest = self._packed.lstrip(b"\0")
        self._packed, self._unpacker = rest, self._begin()
        self._number += 1
        return True

    def _read_packed(self) -> bytes:
        self._packed = self._file.read(PACKED_BYTES)
        return self._packed


def _unpack_gzip(file: BinaryIO) -> io.BufferedIOBase:
    return gzip.GzipFile(fileobj=file)


def _unpack_zstd(file: BinaryIO) -> io.BufferedIOBase:
    # Arrow and not zstandard: it reads several frames in a row, and it tells a truncated frame from the end.
    import pyarrow as pa

    # The stubs do not know that an Arrow stream is a raw stream to `io`.
    return io.BufferedReader(cast(io.RawIOBase, pa.CompressedInputStream(cast(io.IOBase, file), "zstd")))


def _unpack_bzip2(file: BinaryIO) -> io.BufferedIOBase:
    return io.BufferedReader(_Streams(file, bz2.BZ2Decompressor))


def _unpack_xz(file: BinaryIO) -> io.BufferedIOBase:
    return io.BufferedReader(_Streams(file, lambda: lzma.LZMADecompressor(memlimit=MAX_WINDOW_BYTES)))


COMPRESSIONS: dict[str, Callable[[BinaryIO], io.BufferedIOBase]] = {
    ".gz": _unpack_gzip,
    ".zst": _unpack_zstd,
    ".bz2": _unpack_bzip2,
    ".xz": _unpack_xz,
}
"""By suffix, what makes a stream of the bytes of a compressed file."""

NOT_READ = (
    *(".zip", ".tgz", ".tbz2", ".txz", ".7z", ".rar"),
    *(".lzma", ".lz4", ".br", ".z", ".zlib", ".snappy", ".lzo"),
)
"""Suffixes of archives of several files, as are those that begin with `.tar`, and of compressions not undone here."""
