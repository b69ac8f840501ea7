"""The documentation that the running interpreter ships: the topics of `help()`, and the docstrings of its modules.

Every machine that runs this has it, so the demonstration needs no download. One document a topic and one a module, in
the layout of `python_layout`; with `include_source`, the modules' source too, without the docstrings that the documents
hold. Nothing is imported. Locators are relative to the standard library, so that equal interpreters give equal corpora.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ontogeny.core.errors import DataError
from ontogeny.data.document import Document, Rejected, Text, make_doc_id
from ontogeny.data.python_layout import module_text, topic_text
from ontogeny.data.python_modules import (
    Module,
    UnreadableModuleError,
    library_folder,
    module_files,
    module_name,
    parse_module,
)
from ontogeny.data.python_source import without_docstrings
from ontogeny.data.python_topics import Topic, generation_date, parse_topics, topics_file
from ontogeny.data.sources.files import Reading, Unit, rejected
from ontogeny.records.row import BadRow, Fault, byte_locator, sample_of

LICENSE = "PSF-2.0"
LANGUAGE = "en"
NO_DOCUMENTATION = "no_documentation"


class PythonDocsSource(BaseModel):
    """`{type: python-docs}`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["python-docs"]

    name: str = Field("python-docs", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """The source's name, part of each document's id."""

    include_source: bool = False
    """Also the modules' source code, docstrings stripped, each as a document in its module's group."""

    @property
    def source_name(self) -> str:
        """The name given."""
        return self.name


def python_docs_files() -> list[Path]:
    """Every file that the source reads, sorted."""
    topics = topics_file()
    return sorted([*module_files(library_folder()), *([topics] if topics else [])])


def python_docs_unit() -> Unit:
    """The whole library: it is read in one go."""
    return Unit(library_folder(), sum(path.stat().st_size for path in python_docs_files()))


def read_python_docs(source: PythonDocsSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """One document a topic, then one or two a module.

    Raises:
        DataError: the interpreter came without the sources of its library.
    """
    topics, modules, date = read_library(source.name, reading)
    for topic in topics:
        yield _document(
            source, f"topic:{topic.name}", topic.group, topic_text(topic), _topic_locator(topic), date
        )
    for module in modules:
        if isinstance(module, Rejected):
            yield module
            continue
        locator = byte_locator(module.path.as_posix(), 0, module.size_bytes)
        if module.documented:
            yield _document(source, module.name, module.group, module_text(module), locator, date)
        else:
            detail = f"no docstring in {module.name}"
            yield Rejected(source=source.name, locator=locator, reason=NO_DOCUMENTATION, detail=detail)
        if source.include_source:
            code = without_docstrings((library_folder() / module.path).read_bytes())
            yield _document(source, f"source:{module.name}", module.group, code, locator, date)


def read_library(
    source_name: str, reading: Reading
) -> tuple[list[Topic], Iterator[Module | Rejected], str | None]:
    """The topics, the modules as they are read one by one, and the day they were released (None if unknown)."""
    library = library_folder()
    files = module_files(library)
    if not files:
        raise DataError(
            "this interpreter came without the sources of its standard library",
            where=str(library),
            hint="install a full Python (on Debian: python3 with libpython3-stdlib), or curate text of your own",
        )
    path = topics_file()
    data = path.read_bytes() if path is not None else b""
    reading.note_detected(f"{len(files)} modules, topics {'found' if path else 'missing'}")
    return (
        parse_topics(data) if path else [],
        _modules(files, library, source_name, reading),
        generation_date(data),
    )


def _modules(
    files: list[Path], library: Path, source_name: str, reading: Reading
) -> Iterator[Module | Rejected]:
    for number, path in enumerate(files, start=1):
        data = path.read_bytes()
        try:
            module = parse_module(data, module_name(path, library), path.relative_to(library))
        except UnreadableModuleError as error:
            locator = byte_locator(path.relative_to(library).as_posix(), 0, len(data))
            bad = BadRow(Fault.DAMAGED_FILE, str(error), number, locator, sample_of(data))
            reading.count.add_bad(bad)
            yield rejected(bad, source_name)
        else:
            reading.count.add_good()
            yield module


def _topic_locator(topic: Topic) -> str:
    return byte_locator("pydoc_data/topics.py", topic.start, topic.end)


def _document(
    source: PythonDocsSource, record: str, group: str, text: str, locator: str, date: str | None
) -> Document:
    return Document(
        doc_id=make_doc_id(source.name, record),
        group=group,
        source=source.name,
        locator=locator,
        content=Text(text),
        license=LICENSE,
        date=date,
        language=LANGUAGE,
    )
