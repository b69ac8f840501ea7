"""What all sources that read files have in common: their settings, and rows as documents.

Columns such as `id`, `group`, `date` and `license` (ABOUT) are used where a row has them. A document without an id is
known by its raw content, so that moving or splitting files does not change what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath
from typing import BinaryIO, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.core.remote import AnyPath, url_path
from ontogeny.data.document import Content, Document, Rejected, Text, digest_content, domain_of, make_doc_id
from ontogeny.records.accounting import RowCount
from ontogeny.records.compressed import is_compressed, refuse_archive
from ontogeny.records.formats import SUFFIXES, Format, bare_name, detect_format
from ontogeny.records.paths import expand
from ontogeny.records.reading import WHOLE, Part, missing_column, parts_of, read_rows
from ontogeny.records.row import BadRow, Fault, Row, Value, sample_of

ABOUT = ("id", "group", "date", "license", "language", "url", "domain")
"""Columns that say something about a document, used where they are there."""

ISO_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?(?!\d)")


class FileSource(BaseModel):
    """Settings of a source of files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contents: ClassVar[tuple[str, ...]] = ()
    """Columns that hold the content itself."""

    path: str = Field(min_length=1)
    """A file or a glob (`./books/*.jsonl.gz`, `**` for any depth), relative to where the command runs; or a URL of
    either, as fsspec spells it (`s3://bucket/books/*.jsonl.gz`)."""

    name: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """The source's name, part of each document's id; by default the file's."""

    license: str | None = None
    """Licence of every document that has none of its own."""

    columns: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    """The files' own names for our columns: `{text: body}`; `{text: [title, body]}` joins two."""

    @field_validator("columns")
    @classmethod
    def _columns_are_known(
        cls, columns: dict[str, str | tuple[str, ...]]
    ) -> dict[str, str | tuple[str, ...]]:
        if columns and not cls.contents:
            raise ValueError("a text file has no columns to name; leave `columns` out")
        known = (*cls.contents, *ABOUT)
        for name, theirs in columns.items():
            if not isinstance(theirs, str) and (name != "text" or not theirs):
                raise ValueError(f"{name!r} is one column of the file: only `text` is joined from several")
            if name not in known:
                raise ValueError(
                    f"{name!r} is no column of ours.{nearest(name, known)} Left of the colon stands one of"
                    f" {', '.join(known)}, right of it the file's own name"
                )
        return columns

    @property
    def source_name(self) -> str:
        """The name given, or the file's without suffix and wildcards, or its folder's."""
        if self.name:
            return self.name
        path = PurePosixPath(url_path(self.path))
        for candidate in (bare_name(path), path.parent.name):
            if plain := re.sub(r"\[[^]]*\]|[^A-Za-z0-9_.-]+", "", candidate).strip("-_."):
                return plain
        return "files"


class UnfitRowError(ValueError):
    """A row whose values are not what the source needs."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


@dataclass
class Reading:
    """What was learnt about a unit while it was read, and from where its reading may go on.

    A reader that can go on inside a unit calls `begin` before each item (a line, a row, a page), with whatever number
    leads back to it cheaply. Set to such a number beforehand, `resume_at` makes the reader begin with that item and
    spare the work for what lies before. The count is then the caller's to restore: rows that are read again count
    again.
    """

    count: RowCount
    detected: list[str] = field(default_factory=list)
    file: BinaryIO | None = None
    place: int | None = None
    """The item that was begun last; None where the reader cannot go on inside a unit."""
    resume_at: int | None = None

    def begin(self, place: int) -> None:
        """The next records come from the item at `place`."""
        self.place = place

    def watch(self, file: BinaryIO) -> None:
        """Remember the file that is being read."""
        self.file = file

    @property
    def position(self) -> int:
        """How far into that file the reader has come, in bytes; 0 where it cannot tell."""
        return 0 if self.file is None or self.file.closed else self.file.tell()

    def note_detected(self, what: str) -> None:
        """Remember a format that was told from the data, once."""
        if what not in self.detected:
            self.detected.append(what)


@dataclass(frozen=True)
class Unit:
    """A piece of a source that one worker reads: a file, or a part of one. `size_bytes` are those it has on disk."""

    path: AnyPath
    size_bytes: int
    part: Part = WHOLE


UNIT_BYTES = 32 << 20
"""Least size of a part of a file: a few seconds of work, so that a kill costs little and workers end together."""


def units_of(source: FileSource, formats: tuple[Format, ...]) -> list[Unit]:
    """The files of `source`, large ones in parts where their format allows.

    Raises:
        RecipeError: nothing of that name, or a file whose suffix says that it is something else.
    """
    units = []
    for path, format in files_of(source, formats):
        parts = parts_of(path, format, part_bytes=UNIT_BYTES)
        size = path.stat().st_size // len(parts)
        units += [Unit(path, size, part) for part in parts]
    return units


def files_of(source: FileSource, formats: tuple[Format, ...]) -> list[tuple[AnyPath, Format]]:
    """The files of `source` with their format, sorted by path.

    Raises:
        RecipeError: nothing of that name, or a file whose suffix says that it is something else, or an archive.
    """
    paths = expand(source.path)
    for path in paths:
        refuse_archive(path)
    return [(path, _format_of(path, formats)) for path in paths]


def _format_of(path: AnyPath, formats: tuple[Format, ...]) -> Format:
    try:
        found = detect_format(path)
    except RecipeError:
        return formats[0]  # an unknown suffix: the type that the recipe names decides
    if found is Format.PARQUET and is_compressed(path):
        raise RecipeError(
            "a Parquet file is compressed within, and is not read packed once more",
            where=str(path),
            hint="unpack it and give the path of what it held",
        )
    if found in formats:
        return found
    if found is Format.TEXT and Format.LINES in formats:
        return Format.LINES
    type_name = {Format.TSV: Format.CSV, Format.JSON: Format.JSONL}.get(found, found)
    raise RecipeError(
        f"a {found} file in a source of type {formats[0]}", where=str(path), hint=f"write `type: {type_name}`"
    )


def read_documents(
    source: FileSource,
    unit: Unit,
    formats: tuple[Format, ...],
    reading: Reading,
    *,
    content_of: Callable[[Row, Reading], Content],
    header: Sequence[str] | None = None,
    encoding: str | None = None,
) -> Iterator[Document | Rejected]:
    """Every row of `unit` as a document, or rejected with its reason; counted in `reading`.

    Args:
        header: the names of the columns of a CSV or TSV file that has no line for them.
        encoding: see `records.reading.read_rows`.
        content_of: makes the content from a row; raises UnfitRowError where it cannot.
    """
    path, format = unit.path, _format_of(unit.path, formats)
    reading.note_detected(format if path.suffix in SUFFIXES else f"{format} ({path.suffix})")
    skip = reading.resume_at or 0
    rows = read_rows(
        path,
        columns=source.columns,
        format=format,
        header=header,
        encoding=encoding,
        part=unit.part,
        watch=reading.watch,
        skip=skip,
        note=reading.note_detected,
    )
    for place, row in enumerate(rows, start=skip):
        reading.begin(place)
        outcome = _document(row, source, reading, content_of) if isinstance(row, Row) else row
        if isinstance(outcome, Document):
            reading.count.add_good()
            yield outcome
        else:
            reading.count.add_bad(outcome)
            yield rejected(outcome, source.source_name)


def _document(
    row: Row, source: FileSource, reading: Reading, content_of: Callable[[Row, Reading], Content]
) -> Document | BadRow:
    try:
        content = content_of(row, reading)
        own_id = _optional(row, "id")
        doc_id = make_doc_id(source.source_name, own_id if own_id is not None else digest_content(content))
        return Document(
            doc_id=doc_id,
            group=_optional(row, "group") or doc_id,
            source=source.source_name,
            locator=row.locator,
            content=content,
            license=_optional(row, "license") or source.license,
            date=_date(row.values.get("date")),
            language=_optional(row, "language"),
            url=_optional(row, "url"),
            domain=_optional(row, "domain") or domain_of(_optional(row, "url")),
        )
    except UnfitRowError as unfit:
        return BadRow(unfit.fault, str(unfit), row.number, row.locator, sample_of(str(row.values)))


def _optional(row: Row, name: str) -> str | None:
    value = row.values.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str | int):
        return str(value)
    raise UnfitRowError(
        Fault.WRONG_TYPE, f"column {name!r} holds {type(value).__name__}, not text or a whole number"
    )


def _date(value: Value) -> str | None:
    """ISO 8601, to the day or coarser; None for anything that is no such date."""
    if isinstance(value, date):  # a datetime too
        return value.isoformat()[:10]
    match = ISO_DATE.match(str(value)) if isinstance(value, str | int) else None
    return match.group() if match else None


def required_text(row: Row, name: str) -> str:
    """The text in column `name`.

    Raises:
        UnfitRowError: no such column, or no text in it.
    """
    if name not in row.values:
        raise UnfitRowError(Fault.MISSING_COLUMN, missing_column(row, name).detail)
    value = row.values[name]
    if not isinstance(value, str):
        raise UnfitRowError(Fault.WRONG_TYPE, f"column {name!r} holds {type(value).__name__}, not text")
    return value


def plain_document(
    source: FileSource, text: str, locator: str, *, key: str | None = None, date: str | None = None
) -> Document:
    """`text` as a document that is a group by itself, known by `key`, or else by its content."""
    content = Text(text)
    doc_id = make_doc_id(source.source_name, key or digest_content(content))
    return Document(
        doc_id=doc_id,
        group=doc_id,
        source=source.source_name,
        locator=locator,
        content=content,
        license=source.license,
        date=date,
    )


def rejected(row: BadRow, source: str) -> Rejected:
    """A bad row as a record of the source named `source`."""
    return Rejected(
        source=source, locator=row.locator, reason=row.reason.value, detail=row.detail, sample=row.sample
    )
