"""One way to read rows from any file: by its format, with columns renamed, faults as bad rows, never a traceback."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ontogeny.core.errors import nearest
from ontogeny.core.remote import AnyPath
from ontogeny.records.columnar import group_spans, read_parquet
from ontogeny.records.compressed import DamagedStreamError, Watch, is_compressed
from ontogeny.records.delimited import read_delimited
from ontogeny.records.encoding import MARK_BYTES, wide_encoding
from ontogeny.records.formats import Format, Note, detect_format
from ontogeny.records.json_array import read_json
from ontogeny.records.jsonl import read_jsonl
from ontogeny.records.labelled_lines import read_labelled_lines
from ontogeny.records.row import BadRow, Fault, Row, Value, record_locator
from ontogeny.records.whole import read_whole

SHOWN_COLUMNS = 30
"""Columns that the detail of a bad row lists."""


@dataclass(frozen=True)
class Part:
    """A part of a file: from byte or row group `start` on, before `end`. See `parts_of`."""

    start: int = 0
    end: int | None = None


WHOLE = Part()


def parts_of(path: AnyPath, format: Format, *, part_bytes: int) -> list[Part]:
    """Parts of about `part_bytes` that can be read apart: lines of plain JSON lines, row groups of Parquet.

    Any other file is one part.
    """
    if format is Format.JSONL and not is_compressed(path):
        size = path.stat().st_size
        if size > part_bytes and _is_wide(path):
            return [WHOLE]
        spans = [(start, min(start + part_bytes, size)) for start in range(0, size, part_bytes)]
    else:
        spans = group_spans(path, part_bytes) if format is Format.PARQUET else []
    return [Part(*span) for span in spans] if len(spans) > 1 else [WHOLE]


def _is_wide(path: AnyPath) -> bool:
    """Whether the file is UTF-16 or UTF-32, in whose bytes a line end cannot be told from half a letter."""
    with path.open("rb") as file:
        return wide_encoding(file.read(MARK_BYTES)) is not None


def read_rows(
    path: AnyPath,
    *,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    format: Format | None = None,
    header: Sequence[str] | None = None,
    encoding: str | None = None,
    part: Part = WHOLE,
    watch: Watch | None = None,
    skip: int = 0,
    note: Note | None = None,
) -> Iterator[Row | BadRow]:
    """Every record of `path`, good or bad, in the order of the file, in bounded memory.

    Args:
        columns: the file's own name for each column that we call otherwise, e.g. `{"text": "body"}`; several names
            for one of text that is to be joined from them, e.g. `{"text": ["title", "body"]}`.
        format: how to read the file; by default told from its name.
        header: the names of the columns of a CSV or TSV file that has no line for them.
        encoding: of a CSV, TSV or text file, or one of lines, that is not in UTF-8 and has no byte order mark.
        part: what to read of it.
        watch: told of the file that is read, where it is read from its beginning to its end.
        skip: how many rows of the part, good or bad, are passed over.
        note: told of what was found out about the file beyond its name: an encoding other than UTF-8, an unusual
            separator, columns that are named apart.

    Raises:
        RecipeError: no format goes with the file's name.
    """
    passed = max(skip - 1, 0)  # the last one is read: it tells which number the next one has
    count, number = passed, 0
    try:
        for row in _reader(path, format or detect_format(path), part, watch, passed, note, header, encoding):
            count, number = count + 1, row.number
            if count > skip:
                yield _rename(row, columns) if columns and isinstance(row, Row) else row
    except DamagedStreamError as error:
        yield BadRow(Fault.DAMAGED_COMPRESSION, str(error), number + 1, record_locator(path, number + 1))
        return
    if count == 0 and part == WHOLE:
        yield BadRow(Fault.EMPTY_FILE, "there is no row in this file", 0, record_locator(path, 0))


def _reader(
    path: AnyPath,
    format: Format,
    part: Part,
    watch: Watch | None,
    skip: int,
    note: Note | None,
    header: Sequence[str] | None,
    encoding: str | None,
) -> Iterator[Row | BadRow]:
    match format:
        case Format.JSONL:
            return read_jsonl(path, watch, start=part.start, end=part.end, skip=skip, note=note)
        case Format.JSON:
            return read_json(path, watch, skip=skip, note=note)
        case Format.CSV:
            return read_delimited(
                path, watch, delimiter=",", header=header, skip=skip, note=note, encoding=encoding
            )
        case Format.TSV:
            return read_delimited(
                path, watch, delimiter="\t", header=header, skip=skip, note=note, encoding=encoding
            )
        case Format.PARQUET:
            return read_parquet(path, start=part.start, end=part.end, skip=skip)
        case Format.TEXT:
            return read_whole(path, watch, note, encoding)
        case Format.LINES:
            return read_labelled_lines(path, watch, skip=skip, note=note, encoding=encoding)


def _rename(row: Row, columns: Mapping[str, str | Sequence[str]]) -> Row | BadRow:
    """`row` with the wanted names; a mapped column that the row lacks makes it bad."""
    values = dict(row.values)
    named = {ours: [theirs] if isinstance(theirs, str) else theirs for ours, theirs in columns.items()}
    for theirs in itertools.chain.from_iterable(named.values()):
        if theirs not in row.values:
            return missing_column(row, theirs)
        values.pop(theirs, None)
    values.update({ours: _joined([row.values[name] for name in theirs]) for ours, theirs in named.items()})
    return Row(values, row.number, row.locator)


def _joined(values: Sequence[Value]) -> Value:
    """Texts with an empty line between them, those that are empty or null left out; or the first that is no text."""
    if len(values) == 1:
        return values[0]
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    others = (value for value in values if value is not None and not isinstance(value, str))
    return next(others, "\n\n".join(texts))


def missing_column(row: Row, name: str) -> BadRow:
    """The bad row that lacks the column `name`; its detail lists the columns there are, and the nearest of them."""
    there = [str(column) for column in row.values]
    more = f" and {len(there) - SHOWN_COLUMNS:,} more" if len(there) > SHOWN_COLUMNS else ""
    listed = f"{', '.join(there[:SHOWN_COLUMNS]) or 'none'}{more}"
    detail = f"no column {name!r}; there are: {listed}.{nearest(name, there)}"
    return BadRow(Fault.MISSING_COLUMN, detail, row.number, row.locator)
