"""CSV and TSV with a header line. Fields may hold line breaks; every row needs as many fields as the header."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from ontogeny.core.remote import AnyPath
from ontogeny.records.compressed import DamagedStreamError, Watch
from ontogeny.records.encoding import open_utf8
from ontogeny.records.formats import Note
from ontogeny.records.lines import read_lines
from ontogeny.records.row import MAX_RECORD_BYTES, BadRow, Fault, Row, record_locator, sample_of
from ontogeny.records.separator import NAMES, quotes_are_letters, separator_of

SAMPLE_CHARS = 1 << 20
"""How much of a file is looked at for its separator; the header and some rows, or one row of a book."""
SAMPLE_LINES = 1_000

RowFault: TypeAlias = tuple[Fault, str]


def read_delimited(
    path: AnyPath,
    watch: Watch | None = None,
    *,
    delimiter: str,
    header: Sequence[str] | None = None,
    skip: int = 0,
    note: Note | None = None,
    encoding: str | None = None,
) -> Iterator[Row | BadRow]:
    """The rows of a CSV or TSV file, values as strings, but for the first `skip`.

    A row before them says which columns there are. Columns of one name, or none, have their number in their name, so
    that no one of them stands for the others: `text (column 2)`.

    Args:
        delimiter: what stands between fields, unless the rows show that it is something else.
        header: the names of the columns, where the file has no line for them.
        encoding: of a file without a byte order mark; by default UTF-8.
        note: told of another encoding, another separator, and of columns named apart.
    """
    csv.field_size_limit(MAX_RECORD_BYTES)  # a setting of the whole process; nothing else of ours reads CSV
    with open_utf8(path, watch, note, encoding) as (stream, _):
        beginning, rest = _beginning(stream)
        sample = [line for line, _ in beginning]
        found = separator_of(sample, delimiter, complete=rest is None)
        letters = found == "\t" and quotes_are_letters(sample)
        if note is not None and found != delimiter:
            note(f"separator {NAMES[found]}")
        if note is not None and letters:
            note("quotes are letters like any other")
        lines = _Lines(itertools.chain(beginning, rest or ()), found, letters)
        names = None if header is None else _column_names(list(header), note)
        yield from _rows(lines, path, names, skip=skip, note=note)


_Decoded: TypeAlias = tuple[str, RowFault | None]


def _beginning(stream: BinaryIO) -> tuple[list[_Decoded], Iterator[_Decoded] | None]:
    """The first lines of `stream`, and the others, if there are any.

    Where the stream is damaged, the others are an error, so that the rows before it come first.
    """
    lines, beginning, size = _decoded(stream), list[_Decoded](), 0
    try:
        while size < SAMPLE_CHARS and len(beginning) < SAMPLE_LINES:
            beginning.append(next(lines))
            size += len(beginning[-1][0])
    except StopIteration:
        return beginning, None
    except DamagedStreamError as error:
        return beginning, _raising(error)
    return beginning, lines


def _raising(error: Exception) -> Iterator[_Decoded]:
    raise error
    yield  # makes this an iterator, which raises when it is its turn


def _decoded(stream: BinaryIO) -> Iterator[_Decoded]:
    """Each line as text, with what is wrong with it."""
    for line in read_lines(stream):
        if line.too_long:
            detail = f"line {line.number} has more than {MAX_RECORD_BYTES:,} bytes"
            yield sample_of(line.data).replace('"', "") + "\n", (Fault.TOO_LONG, detail)
            continue
        try:
            yield line.data.decode("utf-8") + "\n", None
        except UnicodeDecodeError as error:
            detail = f"byte {error.start} of line {line.number} is not UTF-8"
            yield line.data.decode("utf-8", errors="replace") + "\n", (Fault.INVALID_UTF8, detail)


@dataclass(frozen=True)
class _Lines:
    """The lines of a file, and how they are to be taken apart."""

    lines: Iterable[_Decoded]
    separator: str
    quotes_are_letters: bool

    def fields(self, faults: list[RowFault]) -> Iterator[list[str]]:
        """The fields of each row; `faults` are told of what is wrong with its lines."""

        def texts() -> Iterator[str]:
            for line, fault in self.lines:
                if fault is not None:
                    faults.append(fault)
                yield line

        if self.quotes_are_letters:
            return csv.reader(texts(), delimiter=self.separator, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(texts(), delimiter=self.separator, strict=True)


def _rows(
    lines: _Lines, path: AnyPath, header: list[str] | None, *, skip: int, note: Note | None
) -> Iterator[Row | BadRow]:
    faults: list[RowFault] = []  # of the lines of the row that is being read
    reader = lines.fields(faults)
    number = seen = 0
    while True:
        faults.clear()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += header is not None
            seen += 1
            if seen > skip:
                yield BadRow(Fault.NOT_CSV, str(error), number, record_locator(path, number))
            continue
        if not fields:
            continue
        if header is None:
            header = _column_names([name.strip() for name in fields], note)
            continue
        number += 1
        seen += 1
        if seen > skip:
            fault = faults[0] if faults else None
            yield _row(fields, header, fault, number=number, locator=record_locator(path, number))


def _column_names(header: list[str], note: Note | None) -> list[str]:
    """`header`, with the number of the column in each name that is no name of one column alone."""
    times = Counter(header)
    repeated = [name for name, count in times.items() if count > 1 and name]
    if repeated and note is not None:
        note(f"columns of one name, told apart by number: {', '.join(repeated)}")
    return [
        name if name and times[name] == 1 else f"{name} (column {number})".strip()
        for number, name in enumerate(header, start=1)
    ]


def _row(
    fields: list[str], header: list[str], fault: RowFault | None, *, number: int, locator: str
) -> Row | BadRow:
    if fault is None and len(fields) != len(header):
        fault = (Fault.WRONG_COLUMN_COUNT, f"{len(fields)} fields where the header has {len(header)}")
    if fault is not None:
        return BadRow(*fault, number, locator, sample_of(" | ".join(fields)))
    return Row(dict(zip(header, fields, strict=True)), number, locator)
