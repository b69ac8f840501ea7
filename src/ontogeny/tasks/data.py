"""The rows that a task is about: local files, read with the types that harness's loader would give.

A relative path is relative to the task file; one that begins with `${DATA}` lies below the root that the user names.
What CSV writes as text is a number here where a whole column is numbers, and a column that a row lacks is null, as
`datasets` (behind lm-evaluation-harness) has it. A row that cannot be read is an error: nothing is left out silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ontogeny.core.errors import DataError, RecipeError, UsageError, nearest
from ontogeny.core.files import digest_file, digest_json
from ontogeny.records.encoding import open_utf8
from ontogeny.records.formats import Format
from ontogeny.records.lines import read_lines
from ontogeny.records.reading import read_rows
from ontogeny.records.row import BadRow, Fault
from ontogeny.tasks.definition import TaskDefinition

ROOT = "${DATA}"
TSV_SEPARATOR = "\t"
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
WHOLE_NUMBER = re.compile(r"[+-]?\d+")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the data, and where it stands: `FILE:LINE`, or `FILE, row N` where rows are no lines."""

    values: dict[str, Any]
    locator: str


@dataclass(frozen=True)
class Place:
    """Where a task's paths start: the folder of its file, and the root that the user named, if any."""

    folder: Path
    root: Path | None = None
    key: str = "dataset_kwargs.data_files"
    """What the task file calls the paths."""


def split_files(definition: TaskDefinition, split: str, place: Place) -> list[Path]:
    """The files of a split, those beside it included, in the order they are read.

    Raises:
        RecipeError: the task has no files for this split, or a path cannot be meant.
        UsageError: a file is not there; says where to get it.
    """
    listed = _listed(definition, split)
    paths = [path for text in listed for path in _found(text, definition, place)]
    return paths + [
        path for text in definition.dataset_kwargs.beside.values() for path in _found(text, definition, place)
    ]


def data_digest(definition: TaskDefinition, splits: Iterable[str], place: Place) -> str:
    """Of the content of all files of these splits, whatever they are called."""
    return digest_json(
        [[digest_file(path) for path in split_files(definition, split, place)] for split in splits]
    )


def read_split(definition: TaskDefinition, split: str, place: Place) -> list[Row]:
    """The rows of a split, in the order of its files.

    Raises:
        DataError: it is empty, or a row cannot be read; names the row.
        RecipeError, UsageError: as `split_files`.
    """
    files = split_files(definition, split, place)
    kwargs = definition.dataset_kwargs
    own = files[: len(files) - len(kwargs.beside)]
    rows = [row for path in own for row in _rows(definition, path, place.key)]
    if definition.dataset_path == "csv" or kwargs.columns:
        _with_numbers(rows)
    for (name, _), path in zip(kwargs.beside.items(), files[len(own) :], strict=True):
        _put_beside(rows, name, path)
    columns = list(dict.fromkeys(column for row in rows for column in row.values))
    return [Row({column: row.values.get(column) for column in columns}, row.locator) for row in rows]


def _listed(definition: TaskDefinition, split: str) -> list[str]:
    files = definition.dataset_kwargs.data_files
    if isinstance(files, Mapping):
        if split not in files:
            raise RecipeError(
                f"task {definition.task!r}: there is no data for the split {split!r}.{nearest(split, files)}",
                hint=f"dataset_kwargs.data_files has {', '.join(files)}",
            )
        files = files[split]
    if not files:
        raise RecipeError(
            f"task {definition.task!r}: the split {split!r} names no file",
            hint="see dataset_kwargs.data_files",
        )
    return [files] if isinstance(files, str) else list(files)


def _found(text: str, definition: TaskDefinition, place: Place) -> list[Path]:
    path = _resolved(text, definition, place)
    if any(mark in path.name for mark in "*?["):
        if matches := sorted(path.parent.glob(path.name)):
            return matches
    elif path.is_file():
        return [path]
    source = definition.metadata.get("source")
    where = f"it comes from {source}; " if source else ""
    root = "put it there, or name another root: --data DIR or `data_root: DIR`"
    raise UsageError(
        f"the data of task {definition.task!r} is not there: {path}",
        hint=where + (root if text.startswith(ROOT) else f"correct the path in {place.key}"),
    )


def _resolved(text: str, definition: TaskDefinition, place: Place) -> Path:
    if "://" in text:
        raise RecipeError(
            f"task {definition.task!r}: {text} would be fetched; an evaluation reads local files only",
            hint="save it as a file and give its path",
        )
    if not text.startswith(ROOT):
        return place.folder / Path(text).expanduser()
    rest = text.removeprefix(ROOT).lstrip("/")
    if place.root is None:
        source = definition.metadata.get("source")
        raise UsageError(
            f"task {definition.task!r} reads {rest} below a folder that you name",
            hint="--data DIR, or `data_root: DIR` in the suite"
            + (f"; the data comes from {source}" if source else ""),
        )
    return place.root.expanduser() / rest


def _rows(definition: TaskDefinition, path: Path, key: str) -> list[Row]:
    """Those of one file; `key` is where the task names it."""
    kwargs = definition.dataset_kwargs
    nothing = DataError(
        f"the data of task {definition.task!r} has no row: there is nothing to ask", where=str(path),
        hint=f"give the file rows, or name another under {key}",
    )  # fmt: skip
    if definition.dataset_path == "text":
        if not (lines := _lines(path, kwargs.encoding)):
            raise nothing
        if kwargs.begins is not None:
            return _from_sections(path, lines, re.compile(kwargs.begins))
        return _from_lines(path, lines, kwargs.columns or ("text",))
    format = _format(definition, path)
    header = None if kwargs.column_names is None else list(kwargs.column_names)
    rows = []
    for row in read_rows(path, columns=kwargs.rename or None, format=format, header=header):
        if isinstance(row, BadRow):
            if row.reason is Fault.EMPTY_FILE:
                raise nothing
            raise DataError(
                f"a row of task {definition.task!r} cannot be read: {row.detail}",
                where=_locator(path, format, row.number), hint="mend or remove the row",
            )  # fmt: skip
        rows.append(Row(row.values, _locator(path, format, row.number)))
    return rows


def _locator(path: Path, format: Format, number: int) -> str:
    """`FILE:LINE` where rows are lines; else the number of the row, the header not counted."""
    return f"{path}:{number}" if format is Format.JSONL else f"{path}, row {number}"


def _format(definition: TaskDefinition, path: Path) -> Format:
    """That of `dataset_path`; JSON and JSON lines, comma and tab are told apart by the file itself."""
    if definition.dataset_path == "parquet":
        return Format.PARQUET
    if definition.dataset_path == "csv":
        tabs = definition.dataset_kwargs.delimiter == TSV_SEPARATOR or ".tsv" in path.suffixes
        return Format.TSV if tabs else Format.CSV
    return Format.JSON if ".json" in path.suffixes and _is_one_value(path) else Format.JSONL


def _is_one_value(path: Path) -> bool:
    """Whether a `.json` file is one list, not an object a line, which `datasets` reads just as well."""
    with open_utf8(path) as (stream, _):
        return stream.read(4096).lstrip()[:1] == b"["


def _from_sections(path: Path, lines: Sequence[str], begins: re.Pattern[str]) -> list[Row]:
    starts = [at for at, line in enumerate(lines) if begins.fullmatch(line)]
    if not starts:
        raise DataError(
            f"no line of {len(lines):,} matches `begins: {begins.pattern}`", where=str(path),
            hint="correct the pattern in dataset_kwargs; it has to match a line from end to end",
        )  # fmt: skip
    bounds = [0, *starts[1:], len(lines)]
    return [
        Row({"text": "\n".join(lines[start:end]) + "\n"}, f"{path}:{start + 1}")
        for start, end in pairwise(bounds)
    ]


def _from_lines(path: Path, lines: Sequence[str], columns: Sequence[str]) -> list[Row]:
    if len(lines) % len(columns):
        raise DataError(
            f"{len(lines):,} lines do not divide into rows of {len(columns)} ({', '.join(columns)})",
            where=str(path), hint="a line is missing or too many",
        )  # fmt: skip
    wide = len(columns)
    return [
        Row(dict(zip(columns, lines[at : at + wide], strict=True)), f"{path}:{at + 1}")
        for at in range(0, len(lines), wide)
    ]


def _lines(path: Path, encoding: str | None = None) -> list[str]:
    with open_utf8(path, encoding=encoding) as (stream, _):
        try:
            return [line.data.decode("utf-8") for line in read_lines(stream)]
        except UnicodeDecodeError as error:
            raise DataError(
                f"the file is not {encoding or 'UTF-8'} text", where=str(path),
                hint="save it as UTF-8, or name its own in dataset_kwargs: {encoding: latin-1}",
            ) from error  # fmt: skip


def _put_beside(rows: Sequence[Row], name: str, path: Path) -> None:
    lines = _lines(path)
    if len(lines) != len(rows):
        raise DataError(
            f"{len(lines):,} lines for the column {name!r} of {len(rows):,} rows", where=str(path),
            hint="it needs a line for each row, in the same order",
        )  # fmt: skip
    for row, value in zip(rows, _numbers(lines), strict=True):
        row.values[name] = value


def _with_numbers(rows: Sequence[Row]) -> None:
    for column in {column: None for row in rows for column in row.values}:
        values = _numbers([row.values.get(column) for row in rows])
        for row, value in zip(rows, values, strict=True):
            row.values[column] = value


def _numbers(texts: Sequence[Any]) -> list[Any]:
    """The texts as numbers where all of them are; an empty one is null."""
    given = [text for text in texts if isinstance(text, str) and text]
    if given and all(WHOLE_NUMBER.fullmatch(text) for text in given):
        return [int(text) if text else None for text in texts]
    if given and all(NUMBER.fullmatch(text) for text in given):
        return [float(text) if text else None for text in texts]
    return [text or None for text in texts]
