"""Which format a file has, told by its name."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import PurePath
from typing import TypeAlias

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.core.remote import AnyPath, RemoteFile
from ontogeny.records.compressed import COMPRESSIONS, is_compressed


class Format(StrEnum):
    """How a file divides into rows."""

    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    TEXT = "text"
    LINES = "lines"
    """A label and a text a line (`records.labelled_lines`). No suffix names it: other lines lie in files of any."""


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

Note: TypeAlias = Callable[[str], None]
"""Told of what a reader found out about a file that its name does not say, e.g. its encoding."""


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


def bare_name(path: PurePath | RemoteFile) -> str:
    """The name of `path` without the suffixes of its format and compression."""
    name = path.name
    for known in (tuple(COMPRESSIONS), (*SUFFIXES, *OTHER_SUFFIXES)):
        name = next((name[: -len(suffix)] for suffix in known if name.lower().endswith(suffix)), name)
    return name
