"""Which format and compression a file has, told by its name, and how to open it as a stream of bytes."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import PurePath
from typing import BinaryIO, TypeAlias, cast

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.core.remote import AnyPath, RemoteFile


class Format(StrEnum):
    """How a file divides into rows."""

    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    TEXT = "text"


SUFFIXES: dict[str, Format] = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".parquet": Format.PARQUET,
    ".txt": Format.TEXT,
    ".md": Format.TEXT,
}
OTHER_SUFFIXES = (".xml", ".warc", ".wet", ".html", ".htm", ".pdf", ".docx", ".mbox", ".eml", ".cdxj")
"""Of files that do not divide into rows and have readers of their own."""

COMPRESSIONS: dict[str, str] = {".gz": "gzip", ".zst": "zstd"}


Watch: TypeAlias = Callable[[BinaryIO], None]
"""Told of the file as it lies on disk, whose `tell` says how far a reader has come."""

Note: TypeAlias = Callable[[str], None]
"""Told of what a reader found out about a file that its name does not say, e.g. its encoding."""


class DamagedStreamError(Exception):
    """A compressed stream that ends early or does not decompress; the message says which."""


def detect_format(path: AnyPath) -> Format:
    """The format that the suffix of `path` names, a compression suffix set aside.

    Raises:
        RecipeError: no format has this suffix.
    """
    bare = PurePath(path.name)
    suffix = (bare.with_suffix("") if is_compressed(path) else bare).suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    raise RecipeError(
        f"cannot tell the format from the suffix {suffix!r}.{nearest(suffix, SUFFIXES)}",
        where=str(path),
        hint=f"rename the file; known are {', '.join(SUFFIXES)}, each also with {' or '.join(COMPRESSIONS)}",
    )


def is_compressed(path: AnyPath) -> bool:
    """Whether the name of `path` says that it is compressed."""
    return path.suffix.lower() in COMPRESSIONS


def bare_name(path: PurePath | RemoteFile) -> str:
    """The name of `path` without the suffixes of its format and compression."""
    name = path.name
    for known in ((*COMPRESSIONS, ".bz2"), (*SUFFIXES, *OTHER_SUFFIXES)):
        name = next((name[: -len(suffix)] for suffix in known if name.lower().endswith(suffix)), name)
    return name


@contextmanager
def open_bytes(path: AnyPath, watch: Watch | None = None) -> Iterator[BinaryIO]:
    """The decompressed bytes of `path`, as a stream.

    Raises:
        DamagedStreamError: on reading, where the compressed stream is truncated or corrupt.
    """
    compression = COMPRESSIONS.get(path.suffix.lower())
    try:
        with path.open("rb") as file:
            if watch is not None:
                watch(file)
            if compression == "gzip":
                with gzip.GzipFile(fileobj=file) as stream:
                    yield cast(BinaryIO, stream)
            elif compression == "zstd":
                with _open_zstd(file) as stream:
                    yield stream
            else:
                yield file
    except EOFError as error:
        raise DamagedStreamError(
            "the compressed stream ends before its end: the file is truncated"
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DamagedStreamError(f"the compressed stream is corrupt ({error})") from error


@contextmanager
def _open_zstd(file: BinaryIO) -> Iterator[BinaryIO]:
    # Arrow and not zstandard: it reads several frames in a row, and it tells a truncated frame from the end.
    import pyarrow as pa

    try:
        # The buffer gives it `readline`; the stubs do not know that an Arrow stream is a raw stream to `io`.
        with io.BufferedReader(
            cast(io.RawIOBase, pa.CompressedInputStream(cast(io.IOBase, file), "zstd"))
        ) as stream:
            yield stream
    except OSError as error:
        raise DamagedStreamError(f"the compressed stream is truncated or corrupt ({error})") from error
