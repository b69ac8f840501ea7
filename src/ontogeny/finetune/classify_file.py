"""A file of texts in, the same rows with their labels out: in pieces, in the order of the file, in bounded memory.

    rows = count_rows(source, column="text")                     # refuses a file without texts before a model is loaded
    for piece in classified_rows(answers, source, column="text", advance=...): ...
    write_classified(classifier, source, target, rows, column="text", progress=...)

A text that stands there several times is computed once. What was computed before an interruption lies in a hidden file
beside the output, until that is there, so the same command goes on where it was.

The output has the columns of the input, and `label`, `probability` and (JSON lines) `probabilities`. Where the input
has columns of these names they stay as they are, and ours are `predicted_label` and so on.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from ontogeny.core.errors import DataError, UsageError
from ontogeny.core.files import disk_errors, writing_atomic
from ontogeny.core.progress import Progress
from ontogeny.data.examples_columns import plain_column
from ontogeny.finetune.classifier import Classified, Classifier
from ontogeny.finetune.known_answers import KnownAnswers, kept_answers
from ontogeny.records.accounting import RowCount, describe
from ontogeny.records.formats import Format, detect_format
from ontogeny.records.reading import missing_column, read_rows
from ontogeny.records.row import BadRow, Fault, Row, Value

ROWS_AT_ONCE = 512  # what a kill costs at most
ADDED = ("label", "probability", "probabilities")
TEXT = "text"  # the column of texts, unless said otherwise
OUTPUTS = (Format.JSONL, Format.CSV)
Piece: TypeAlias = Sequence[tuple[Row, Classified]]
JOINED = "|"  # between the labels of a text in a CSV file


@dataclass
class Rows:
    """What a file holds: how many rows can be read, and the columns of these in the order met."""

    count: RowCount
    columns: dict[str, None] = field(default_factory=dict)

    @property
    def added(self) -> dict[str, str]:
        """Our columns, by the names that they get."""
        clash = any(name in self.columns for name in ADDED)
        return {name: f"predicted_{name}" if clash else name for name in ADDED}

    def notes(self) -> Iterator[str]:
        """What to tell of them."""
        count = self.count
        if count.bad:
            first = describe(count.first_bad[0])
            yield f"{count.bad:,} of {count.total:,} rows cannot be read and are left out; the first: {first}"
        if self.added["label"] != "label":
            label, probability, _ = self.added.values()
            yield f"there are columns of these names already, so ours are {label} and {probability}"


def text_column(source: Path, note: Callable[[str], None]) -> str:
    """The column of `source` that holds texts, where nobody says which: `text`, or the one with another plain name."""
    names = next((tuple(row.values) for row in _rows_of(source) if isinstance(row, Row)), ())
    found = plain_column(TEXT, names) or TEXT
    if found != TEXT:
        note(f"{source.name}: text: the column {found!r}")
    return found


def count_rows(source: Path, *, column: str, note: Callable[[str], None]) -> Rows:
    """Read `source` once through.

    Args:
        column: holds the texts.
        note: told of what was found out about the file, such as its separator.

    Raises:
        UsageError: there is no such file, or no row has the column; names the nearest.
        DataError: no row can be read.
    """
    rows = Rows(RowCount(str(source)))
    for row in _with_text(source, column, note):
        if isinstance(row, BadRow):
            rows.count.add_bad(row)
        else:
            rows.count.add_good()
            rows.columns |= dict.fromkeys(row.values)
    if rows.count.good:
        return rows
    first = rows.count.first_bad[0]
    if rows.count.reasons[Fault.MISSING_COLUMN]:
        raise UsageError(
            first.detail, where=str(source), hint="say which column holds the texts: --column NAME"
        )
    raise DataError(f"no row can be read; the first: {describe(first)}", where=str(source))


def classified_rows(
    answers: KnownAnswers, source: Path, *, column: str, advance: Callable[[int], None]
) -> Iterator[list[tuple[Row, Classified]]]:
    """The rows of `source` that can be read, some hundred at a time, with what the classifier says of them.

    `advance` is told of rows as they are done.
    """
    good = (row for row in _with_text(source, column) if isinstance(row, Row))
    while piece := list(islice(good, ROWS_AT_ONCE)):
        texts = [str(row.values[column]) for row in piece]
        found = answers.probabilities(texts, advance).tolist()
        said = [answers.classifier.said(text, row) for text, row in zip(texts, found, strict=True)]
        yield list(zip(piece, said, strict=True))


def write_classified(
    classifier: Classifier,
    source: Path,
    target: Path,
    rows: Rows,
    *,
    column: str,
    progress: Progress,
    told: Callable[[list[Classified]], None] | None = None,
) -> None:
    """Write the rows of `source` with their labels as `target`, whole or not at all; `told` hears the labels too.

    Raises:
        UsageError: `target` is of another format, or the source itself, or lies in no folder.
        ArtifactError: the disk is full, or cannot be written.
    """
    check_output(source, target)
    lines = _jsonl(rows) if detect_format(target) is Format.JSONL else _csv(rows)
    with (
        disk_errors(f"writing {target}"),
        kept_answers(classifier, target.with_name(f".{target.name}.answers")) as answers,
        writing_atomic(target) as file,
        progress.bar("classifying", total=rows.count.good, unit="rows") as bar,
    ):
        if answers.rows:
            progress.note(f"going on: {len(answers.rows):,} different texts were classified before")
        for piece in classified_rows(answers, source, column=column, advance=bar.advance):
            file.write(lines(piece))
            if told is not None:
                told([said for _, said in piece])


def check_output(source: Path, target: Path) -> None:
    """Refuse an output that cannot be written, before anything is computed. See `write_classified`."""
    if detect_format(target) not in OUTPUTS or target.suffix.lower() in (".gz", ".zst"):
        raise UsageError(
            f"{target.name} is not written", where="--output", hint="name a .jsonl or a .csv file"
        )
    if not target.parent.is_dir():
        raise UsageError(
            f"there is no folder {target.parent}", where="--output", hint="make it, or name another"
        )
    if target.exists() and target.samefile(source):
        raise UsageError("it would replace the input", where="--output", hint="name another file")


def _with_text(
    source: Path, column: str, note: Callable[[str], None] | None = None
) -> Iterator[Row | BadRow]:
    for row in _rows_of(source, note):
        if isinstance(row, BadRow):
            yield row
        elif column not in row.values:
            yield missing_column(row, column)
        elif not isinstance(text := row.values[column], str):
            detail = f"{column!r} holds no text but {type(text).__name__}"
            yield BadRow(Fault.WRONG_TYPE, detail, row.number, row.locator)
        elif not text.strip():
            yield BadRow(Fault.EMPTY_TEXT, f"{column!r} is empty", row.number, row.locator)
        else:
            yield row


def _rows_of(source: Path, note: Callable[[str], None] | None = None) -> Iterator[Row | BadRow]:
    if not source.is_file():
        raise UsageError(
            f"there is no file {source}", where="--input", hint="name a .jsonl, .csv or .tsv file"
        )
    return read_rows(source, note=note)


def _jsonl(rows: Rows) -> Callable[[Piece], bytes]:
    """Writes a piece as JSON lines."""
    added = rows.added

    def lines(piece: Piece) -> bytes:
        found = (
            {**row.values, **{name: getattr(said, ours) for ours, name in added.items()}}
            for row, said in piece
        )
        return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in found).encode()

    return lines


def _csv(rows: Rows) -> Callable[[Piece], bytes]:
    """Writes a piece as CSV, the first one behind the header."""
    added = [rows.added[name] for name in ADDED[:2]]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*rows.columns, *added])

    def lines(piece: Piece) -> bytes:
        for row, said in piece:
            label = said.label if isinstance(said.label, str) else JOINED.join(said.label)
            values = [_cell(row.values.get(name)) for name in rows.columns]
            writer.writerow([*values, label, said.probability])
        written = text.getvalue().encode()
        text.seek(0)
        text.truncate()
        return written

    return lines


def _cell(value: Value) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
