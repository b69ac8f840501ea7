"""CSV and TSV with a header line. Fields may hold line breaks; every row needs as many fields as the header."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from ontogeny.core.remote import AnyPath
from ontogeny.records.formats import Watch, open_bytes
from ontogeny.records.lines import read_lines
from ontogeny.records.row import MAX_RECORD_BYTES, BadRow, Fault, Row, record_locator, sample_of

REPLACEMENT = "\ufffd"


class _Decoder:
    """Feeds decoded lines to the csv module and remembers what was wrong with those of the current row."""

    def __init__(self, path: AnyPath, watch: Watch | None) -> None:
        self._path, self._watch = path, watch
        self.faults: list[tuple[Fault, str]] = []

    def lines(self) -> Iterator[str]:
        with open_bytes(self._path, self._watch) as stream:
            for line in read_lines(stream):
                if line.too_long:
                    self.faults.append(
                        (Fault.TOO_LONG, f"line {line.number} has more than {MAX_RECORD_BYTES:,} bytes")
                    )
                    yield sample_of(line.data).replace('"', "") + "\n"
                    continue
                try:
                    yield line.data.decode("utf-8") + "\n"
                except UnicodeDecodeError as error:
                    self.faults.append(
                        (Fault.INVALID_UTF8, f"byte {error.start} of line {line.number} is not UTF-8")
                    )
                    yield line.data.decode("utf-8", errors="replace") + "\n"

    def take_fault(self) -> tuple[Fault, str] | None:
        fault = self.faults[0] if self.faults else None
        self.faults.clear()
        return fault


def read_delimited(
    path: AnyPath, watch: Watch | None = None, *, delimiter: str, skip: int = 0
) -> Iterator[Row | BadRow]:
    """The rows of a CSV or TSV file, values as strings, but for the first `skip`.

    A row before them says which columns there are.
    """
    csv.field_size_limit(MAX_RECORD_BYTES)  # a setting of the whole process; nothing else of ours reads CSV
    decoder = _Decoder(path, watch)
    reader = csv.reader(decoder.lines(), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    number = seen = 0
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += header is not None
            seen += 1
            decoder.take_fault()
            if seen > skip:
                yield BadRow(Fault.NOT_CSV, str(error), number, record_locator(path, number))
            continue
        if not fields:
            continue
        if header is None:
            header = [name.strip() for name in fields]
            continue
        number += 1
        seen += 1
        fault = decoder.take_fault()
        if seen > skip:
            yield _row(fields, header, fault, number=number, locator=record_locator(path, number))


def _row(
    fields: list[str], header: list[str], fault: tuple[Fault, str] | None, *, number: int, locator: str
) -> Row | BadRow:
    if fault is None and len(fields) != len(header):
        fault = (Fault.WRONG_COLUMN_COUNT, f"{len(fields)} fields where the header has {len(header)}")
    if fault is not None:
        return BadRow(*fault, number, locator, sample_of(" | ".join(fields)))
    return Row(dict(zip(header, fields, strict=True)), number, locator)
