"""One way to read rows from any file: by its format, with columns renamed, faults as bad rows, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ontogeny.records.columnar import read_parquet
from ontogeny.records.delimited import read_delimited
from ontogeny.records.formats import DamagedStreamError, Format, detect_format
from ontogeny.records.json_array import read_json
from ontogeny.records.jsonl import read_jsonl
from ontogeny.records.row import BadRow, Fault, Row, record_locator
from ontogeny.records.whole import read_whole


def read_rows(
    path: Path, *, columns: Mapping[str, str] | None = None, format: Format | None = None
) -> Iterator[Row | BadRow]:
    """Every record of `path`, good or bad, in the order of the file, in bounded memory.

    Args:
        columns: the file's own name for each column that we call otherwise, e.g. `{"text": "body"}`.
        format: how to read the file; by default told from its name.

    Raises:
        RecipeError: no format goes with the file's name.
    """
    count, number = 0, 0
    try:
        for row in _reader(path, format or detect_format(path)):
            count, number = count + 1, row.number
            yield _rename(row, columns) if columns and isinstance(row, Row) else row
    except DamagedStreamError as error:
        yield BadRow(Fault.DAMAGED_COMPRESSION, str(error), number + 1, record_locator(path, number + 1))
        return
    if count == 0:
        yield BadRow(Fault.EMPTY_FILE, "there is no row in this file", 0, record_locator(path, 0))


def _reader(path: Path, format: Format) -> Iterator[Row | BadRow]:
    match format:
        case Format.JSONL:
            return read_jsonl(path)
        case Format.JSON:
            return read_json(path)
        case Format.CSV:
            return read_delimited(path, delimiter=",")
        case Format.TSV:
            return read_delimited(path, delimiter="\t")
        case Format.PARQUET:
            return read_parquet(path)
        case Format.TEXT:
            return read_whole(path)


def _rename(row: Row, columns: Mapping[str, str]) -> Row | BadRow:
    """`row` with the wanted names; a mapped column that the row lacks makes it bad."""
    values = dict(row.values)
    for theirs in columns.values():
        if theirs not in row.values:
            return missing_column(row, theirs)
    for theirs in columns.values():
        values.pop(theirs, None)
    values.update({ours: row.values[theirs] for ours, theirs in columns.items()})
    return Row(values, row.number, row.locator)


def missing_column(row: Row, name: str) -> BadRow:
    """The bad row that lacks the column `name`; its detail lists the columns there are."""
    there = ", ".join(map(str, row.values)) or "none"
    return BadRow(Fault.MISSING_COLUMN, f"no column {name!r}; there are: {there}", row.number, row.locator)
