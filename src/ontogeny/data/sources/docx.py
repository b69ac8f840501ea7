"""DOCX files (Office Open XML, ECMA-376 part 1, section 17): paragraphs, lists and table cells in reading order.

A DOCX is a ZIP archive; of it only `word/document.xml` is read, as a stream, up to a size and a ratio, so that neither
a bomb nor what else lies in the archive costs anything. Headers, footnotes, comments and deleted text are left out.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import Field

from ontogeny.core.files import digest_bytes
from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources.files import FileSource, Reading, Unit, plain_document, rejected
from ontogeny.data.sources.xml_events import DamagedXmlError, parse
from ontogeny.records.compressed import MAX_RATIO, UNCHECKED_BYTES
from ontogeny.records.row import BadRow, Fault, byte_locator

BODY, ABOUT = "word/document.xml", "docProps/core.xml"
MAX_BODY_BYTES = 256 << 20
NO_TEXT, TOO_LARGE = "no_text", "file_too_large"
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class DocxSource(FileSource):
    """`{type: docx, path: ./contracts/**/*.docx}`"""

    type: Literal["docx"]

    max_body_bytes: int = Field(MAX_BODY_BYTES, ge=1)
    """Files whose text is longer, unpacked and with its markup, are left out as `file_too_large`."""


class _Paragraphs:
    """Collects the paragraphs of a body."""

    def __init__(self) -> None:
        self.position: Callable[[], int] = lambda: 0
        self.paragraphs: list[str] = []
        self._parts: list[str] = []
        self._reading = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._reading = name == "t"
        if name == "tab":
            self._parts.append("\t")
        elif name in ("br", "cr"):
            self._parts.append("\n")

    def text(self, data: str) -> None:
        if self._reading:
            self._parts.append(data)

    def end(self, name: str) -> None:
        self._reading = False
        if name == "p":
            self.paragraphs.append("".join(self._parts).strip())
            self._parts = []


class _LeftOutError(Exception):
    """A file that is left out; `reason` is what it is counted under."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def read_docx(source: DocxSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """The text of one file."""
    size = unit.path.stat().st_size
    locator = byte_locator(unit.path, 0, size)
    try:
        text, date = _read(source, unit)
    except _LeftOutError as error:
        reading.count.add_good()
        yield Rejected(source=source.source_name, locator=locator, reason=error.reason, detail=str(error))
        return
    except (
        zipfile.BadZipFile,
        DamagedXmlError,
        KeyError,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        # KeyError: no such member; NotImplementedError, RuntimeError: a compression or encryption that zipfile lacks.
        bad = BadRow(Fault.DAMAGED_FILE, f"no readable DOCX: {error}", 1, locator)
        if size == 0:
            bad = BadRow(Fault.EMPTY_FILE, "the file is empty", 0, locator)
        reading.count.add_bad(bad)
        yield rejected(bad, source.source_name)
        return
    reading.count.add_good()
    yield plain_document(source, text, locator, key=digest_bytes(unit.path.read_bytes()), date=date)


def _read(source: DocxSource, unit: Unit) -> tuple[str, str | None]:
    with unit.path.open("rb") as file, zipfile.ZipFile(file) as archive:
        about = archive.getinfo(BODY)
        bomb = about.file_size > UNCHECKED_BYTES and about.file_size > MAX_RATIO * max(about.compress_size, 1)
        if about.file_size > source.max_body_bytes or bomb:
            raise _LeftOutError(
                TOO_LARGE, f"{about.file_size:,} bytes unpacked from {about.compress_size:,} in the archive"
            )
        found = _Paragraphs()
        # zipfile reads no more of a member than its directory says, so a lying one ends early or fails its checksum.
        with archive.open(about) as stream:
            for _ in parse(stream, found):  # type: ignore[arg-type] # a ZipExtFile reads as binary files do
                pass
        text = re.sub(r"\n{3,}", "\n\n", "\n\n".join(found.paragraphs)).strip()
        if not text:
            raise _LeftOutError(NO_TEXT, "there is no text in it")
        return text, _date(archive)


def _date(archive: zipfile.ZipFile) -> str | None:
    """The day that the file says it was last changed."""
    if ABOUT not in archive.namelist():
        return None
    with archive.open(ABOUT) as stream:
        head = stream.read(1 << 16).decode("utf-8", errors="replace")
    modified = re.search(r"<dcterms:modified[^>]*>([^<]*)", head)
    day = DAY.match(modified[1]) if modified else None
    return day[0] if day else None
