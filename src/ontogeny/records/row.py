"""What a reader yields: a row of values, or a bad row with its reason. Both know where they stand.

A locator is `FILE#bytes=START-END` (bytes of the decompressed stream) where the format has byte positions,
`FILE#offset=START-END` (bytes of the file as it lies on disk) where records are compressed one by one, and
`FILE#record=N` (counted from 1, the header not counted) where it has only records. `&chapter=N` and the like may
follow where a record gives several documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ontogeny.core.remote import AnyPath

Value: TypeAlias = object
"""A value as JSON, CSV or Arrow gives it; readers of a column check its type."""

MAX_RECORD_BYTES = 16 << 20
"""Longest single record. The longest book of the shared collection has 5 MB; a line beyond this is a broken file."""

SAMPLE_CHARS = 2_000
"""How much of a bad row is kept beside its reason; its locator leads to the rest."""


class Fault(StrEnum):
    """Why a row is bad."""

    EMPTY_FILE = "empty_file"
    INVALID_UTF8 = "invalid_utf8"
    INVALID_UNICODE = "invalid_unicode"
    TOO_LONG = "record_too_long"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    WRONG_COLUMN_COUNT = "wrong_column_count"
    NOT_CSV = "not_csv"
    MISSING_COLUMN = "missing_column"
    WRONG_TYPE = "wrong_type"
    NOT_A_CONVERSATION = "not_a_conversation"
    NOT_A_QUESTION = "not_a_question"
    NO_LABEL = "no_label"
    NOT_A_LABEL = "not_a_label"
    UNKNOWN_LABEL = "unknown_label"
    EMPTY_TEXT = "empty_text"
    DAMAGED_COMPRESSION = "damaged_compression"
    DAMAGED_FILE = "damaged_file"
    NOT_FETCHED = "not_fetched"


@dataclass(frozen=True, slots=True)
class Row:
    """One record: values by column name, its number in the file (from 1; 0 where not known) and its locator."""

    values: dict[str, Value]
    number: int
    locator: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A record that could not be read: its reason, what exactly was wrong, and the beginning of its text."""

    reason: Fault
    detail: str
    number: int
    locator: str
    sample: str = ""


def byte_locator(file: AnyPath | str, start: int, end: int) -> str:
    """`FILE#bytes=START-END`, end excluded."""
    return f"{file}#bytes={start}-{end}"


def offset_locator(file: AnyPath | str, start: int, end: int) -> str:
    """`FILE#offset=START-END`: bytes of the file as it lies on disk, end excluded, e.g. one member of a WARC."""
    return f"{file}#offset={start}-{end}"


def record_locator(file: AnyPath | str, number: int) -> str:
    """`FILE#record=N`, counted from 1."""
    return f"{file}#record={number}"


def sample_of(data: bytes | str) -> str:
    """The beginning of `data` as text that UTF-8 can hold."""
    if isinstance(data, bytes):
        return data[: 4 * SAMPLE_CHARS].decode("utf-8", errors="replace")[:SAMPLE_CHARS]
    return data[:SAMPLE_CHARS].encode("utf-8", errors="replace").decode()
