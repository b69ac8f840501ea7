"""JSON lines: one object a line. Blank lines are passed over; anything else that is no object is a bad row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice

from ontogeny.core.remote import AnyPath
from ontogeny.records.compressed import Watch
from ontogeny.records.encoding import open_utf8
from ontogeny.records.formats import Note
from ontogeny.records.lines import Line, read_lines
from ontogeny.records.row import (
    MAX_RECORD_BYTES,
    BadRow,
    Fault,
    Row,
    byte_locator,
    record_locator,
    sample_of,
)

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read_jsonl(
    path: AnyPath,
    watch: Watch | None = None,
    *,
    start: int = 0,
    end: int | None = None,
    skip: int = 0,
    note: Note | None = None,
) -> Iterator[Row | BadRow]:
    """The rows of a `.jsonl` file, compressed or not; `number` is the line's.

    Of a file of UTF-8 that is not compressed, those whose lines begin at byte `start` or later and before `end`.
    The first `skip` rows are passed over unparsed. `note` is told of an encoding other than UTF-8.
    """
    with open_utf8(path, watch, note) as (stream, recoded):
        lines = (line for line in read_lines(stream, start=start, end=end) if line.data.strip())
        for line in islice(lines, skip, None):
            # Bytes of UTF-8 would lead nowhere in a file of UTF-16.
            locator = (
                record_locator(path, line.number) if recoded else byte_locator(path, line.start, line.end)
            )
            yield _parse(line, locator)


def _parse(line: Line, locator: str) -> Row | BadRow:
    def bad(reason: Fault, detail: str) -> BadRow:
        return BadRow(reason, detail, line.number, locator, sample_of(line.data))

    if line.too_long:
        size = line.end - line.start
        return bad(Fault.TOO_LONG, f"a line of {size:,} bytes; the longest allowed has {MAX_RECORD_BYTES:,}")
    try:
        text = line.data.decode("utf-8")
    except UnicodeDecodeError as error:
        return bad(
            Fault.INVALID_UTF8, f"byte {error.start} of the line ({line.data[error.start]:#04x}) is not UTF-8"
        )
    try:
        value = json.loads(text)
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError: not JSON, or an integer of thousands of digits
        return bad(Fault.NOT_JSON, str(error))
    return checked_row(value, line.number, locator)


def checked_row(value: object, number: int, locator: str) -> Row | BadRow:
    """`value` as a row, if it is an object whose strings UTF-8 can hold."""
    if not isinstance(value, dict):
        detail = f"expected an object, found {type(value).__name__}"
        return BadRow(Fault.NOT_AN_OBJECT, detail, number, locator, sample_of(str(value)))
    if not _encodable(value):
        detail = "an escape such as \\ud800 stands for half a character"
        return BadRow(Fault.INVALID_UNICODE, detail, number, locator, sample_of(str(value)))
    return Row(value, number, locator)


def _encodable(value: object) -> bool:
    """Whether UTF-8 can hold every string of `value`: JSON escapes can spell lone surrogates."""
    if isinstance(value, str):
        return value.isascii() or LONE_SURROGATE.search(value) is None
    if isinstance(value, dict):
        return all(_encodable(key) and _encodable(item) for key, item in value.items())
    return all(map(_encodable, value)) if isinstance(value, list) else True
