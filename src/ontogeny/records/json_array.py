"""JSON files: one array of objects, as Alpaca's and ShareGPT's data come; or JSON lines under the shorter suffix.

An array has no line ends to resume from, so the file is read whole and its size is bounded; larger data belongs in JSON
lines. Which of the two a file is, its first character tells.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import cast

from ontogeny.core.remote import AnyPath
from ontogeny.records.compressed import Watch
from ontogeny.records.encoding import open_utf8
from ontogeny.records.formats import Note
from ontogeny.records.jsonl import checked_row, read_jsonl
from ontogeny.records.lines import BYTE_ORDER_MARK
from ontogeny.records.row import BadRow, Fault, Row, record_locator, sample_of

MAX_ARRAY_BYTES = 256 << 20
"""Largest array; as Python objects it takes about five times that."""


def read_json(
    path: AnyPath, watch: Watch | None = None, *, skip: int = 0, note: Note | None = None
) -> Iterator[Row | BadRow]:
    """The rows of a `.json` file, compressed or not, but for the first `skip`.

    `note` is told of an encoding other than UTF-8.
    """
    with open_utf8(path) as (stream, _):
        # A look ahead, since reading would fail where a few rows stand before a place of damage.
        start = cast(io.BufferedReader, stream).peek(1024).removeprefix(BYTE_ORDER_MARK).lstrip()
    if start.startswith(b"["):
        yield from _read_array(path, watch, skip, note)
    else:
        yield from read_jsonl(path, watch, skip=skip, note=note)


def _read_array(path: AnyPath, watch: Watch | None, skip: int, note: Note | None) -> Iterator[Row | BadRow]:
    def bad(reason: Fault, detail: str) -> BadRow:
        return BadRow(reason, detail, 1, record_locator(path, 1), sample_of(data))

    with open_utf8(path, watch, note) as (stream, _):
        data = stream.read(MAX_ARRAY_BYTES + 1)
    if len(data) > MAX_ARRAY_BYTES:
        yield bad(
            Fault.TOO_LONG, f"an array of more than {MAX_ARRAY_BYTES:,} bytes: write JSON lines instead"
        )
        return
    try:
        values = json.loads(data.removeprefix(BYTE_ORDER_MARK).decode("utf-8"))
    except UnicodeDecodeError as error:
        yield bad(Fault.INVALID_UTF8, f"byte {error.start} ({data[error.start]:#04x}) is not UTF-8")
        return
    except (ValueError, RecursionError) as error:
        yield bad(Fault.NOT_JSON, f"the array does not parse: {error}")
        return
    for number, value in enumerate(values[skip:], start=skip + 1):
        yield checked_row(value, number, record_locator(path, number))
