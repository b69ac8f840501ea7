"""Labelled rows as documents: what to answer (`instruct`), what to sort (`classify`), what to choose from.

Rows come from files that people bring (`examples_rows`), or from the Python documentation. Either way they get ids,
groups, a split and licences, so that "which models learnt from this row" has an answer.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import Field, field_validator, model_validator

from ontogeny.core.errors import RecipeError
from ontogeny.core.remote import AnyPath, url_path
from ontogeny.data.document import Content, Document, Rejected
from ontogeny.data.examples_rows import conversation_of, labelled_text_of, multiple_choice_of
from ontogeny.data.python_docs_questions import PythonDocsQuestionsSource, read_python_docs_questions
from ontogeny.data.sources import csv, jsonl, parquet, text
from ontogeny.data.sources.files import FileSource, Reading, Unit, read_documents, units_of
from ontogeny.data.sources.python_docs import python_docs_files, python_docs_unit
from ontogeny.records.formats import Format, detect_format
from ontogeny.records.row import Row

Task: TypeAlias = Literal["instruct", "classify", "multiple-choice"]
Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)

FORMATS: dict[str, tuple[Format, ...]] = {
    "jsonl": jsonl.FORMATS,
    "csv": csv.FORMATS,
    "parquet": parquet.FORMATS,
    "text": text.FORMATS,
    "lines": (Format.LINES,),
}


class LabelledFiles(FileSource):
    """`{type: jsonl, path: ./questions.jsonl}`; the same for csv (and tsv) and parquet.

    `{type: text, path: ./mail/*/*.txt}` is a text a file, whose label is the name of its folder; `{type: lines, path:
    ./TREC.train}` a label, a space and a text a line.
    """

    contents: ClassVar[tuple[str, ...]] = (
        *("messages", "conversations", "instruction", "input", "output", "prompt", "completion"),
        *("system", "history", "text", "label", "context", "choices", "gold"),
    )

    type: Literal["jsonl", "csv", "parquet", "text", "lines"]

    header: tuple[str, ...] | None = Field(None, min_length=1)
    """The names of the columns of a CSV or TSV file whose first line is a row already: `[label, text]`."""

    encoding: str | None = None
    """What a file of CSV, text or lines is in, such as `windows-1252`. None: UTF-8, or what its first bytes say."""

    part: Part = "train"
    """What its rows are for. Where no source is for validation or for testing, those are taken from `train`."""

    @model_validator(mode="after")
    def _settings_have_an_effect(self) -> LabelledFiles:
        if self.header is not None and self.type != "csv":
            raise ValueError(f"`header` names the columns of CSV and TSV files, and `type` is {self.type}")
        if self.columns and self.type in ("text", "lines"):
            raise ValueError(f"a file of {self.type} has no columns to name; leave `columns` out")
        if self.encoding is not None and self.type in ("jsonl", "parquet"):
            raise ValueError(f"`encoding` has no effect on {self.type}: leave it out")
        return self

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, encoding: str | None) -> str | None:
        try:
            return None if encoding is None else codecs.lookup(encoding).name
        except LookupError as error:
            raise ValueError(
                f"no encoding is named {encoding!r}; what spreadsheets save is windows-1252 or utf-8"
            ) from error


ExampleSource: TypeAlias = Annotated[LabelledFiles | PythonDocsQuestionsSource, Field(discriminator="type")]
"""What a recipe may write as the `source` of an `examples` step."""


def spelled_out(value: object) -> object:
    """`source` as a list with all types, from the short forms in which it may be written.

        {path: ./a.csv}                                 the type is told from the suffix
        {train: ./a.csv, validation: ..., test: ...}    a source for each part, the rest being common to them
        [{path: ./a.jsonl}, {path: ./b.json}]           several files

    Raises:
        ValueError: keys of two forms together.
    """
    if isinstance(value, Mapping) and any(part in value for part in PARTS):
        value = _of_parts(value)
    several = value if isinstance(value, list | tuple) else [value]
    return [_typed(each) for each in several]


def _of_parts(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    rest = {key: each for key, each in value.items() if key not in PARTS}
    for key in ("path", "part"):
        if key in rest:
            raise ValueError(f"write `{key}`, or a path for each of {', '.join(PARTS)}, not both")
    if "train" not in value:
        raise ValueError("`train: PATH` is missing: there is nothing to learn from")
    name = rest.pop("name", None)
    return [
        {**rest, "path": value[part], "part": part, "name": f"{name}-{part}" if name else part}
        for part in PARTS
        if part in value
    ]


def _typed(source: object) -> object:
    """`source` with the type that the suffix of its path names, where it gives none.

    Raises:
        ValueError: the suffix names none.
    """
    if not isinstance(source, Mapping) or "type" in source or not isinstance(path := source.get("path"), str):
        return source
    try:
        found = detect_format(Path(url_path(path)))
    except RecipeError as error:
        raise ValueError(
            f"{path!r} does not tell how it is read: write `type:` {', '.join(FORMATS)} (a label and a text a line)"
        ) from error
    return {**source, "type": next(name for name, formats in FORMATS.items() if found in formats)}


@dataclass(frozen=True)
class Asked:
    """What an `examples` step asks of a source."""

    task: Task
    held_out_fraction: float
    seed: int
    labels: tuple[str, ...] = ()
    label_separator: str | None = None
    label_until: str | None = None


@dataclass(frozen=True)
class ExampleSourceType:
    """How a type of source is read; as `sources.SourceType`, but for what is asked."""

    units: Callable[[Any], list[Unit]]
    read: Callable[[Any, Asked, Unit, Reading], Iterator[Document | Rejected]]
    files: Callable[[], list[Path]] | None = None


def read_labelled_files(
    source: LabelledFiles, asked: Asked, unit: Unit, reading: Reading
) -> Iterator[Document | Rejected]:
    """One example a row. What form a conversation has is told from each row's columns and remembered."""
    folder = PurePosixPath(url_path(str(unit.path))).parent.name if source.type == "text" else None
    content_of: dict[Task, Callable[[Row, Reading], Content]] = {
        "instruct": conversation_of,
        "classify": partial(
            labelled_text_of,
            labels=asked.labels,
            separator=asked.label_separator,
            until=asked.label_until,
            folder=folder,
        ),
        "multiple-choice": multiple_choice_of,
    }
    formats = FORMATS[source.type]
    return read_documents(
        source,
        unit,
        formats,
        reading,
        content_of=content_of[asked.task],
        header=source.header,
        encoding=source.encoding,
    )


def labelled_units(source: LabelledFiles) -> list[Unit]:
    """The files that `source` opens, large ones in parts."""
    return units_of(source, FORMATS[source.type])


def read_questions(
    source: PythonDocsQuestionsSource, asked: Asked, unit: Unit, reading: Reading
) -> Iterator[Document | Rejected]:
    """Questions about the standard library."""
    return read_python_docs_questions(
        source, reading, shape=asked.task, held_out_fraction=asked.held_out_fraction, seed=asked.seed
    )


_LABELLED = ExampleSourceType(labelled_units, read_labelled_files)

EXAMPLE_SOURCES: dict[str, ExampleSourceType] = {
    **dict.fromkeys(FORMATS, _LABELLED),
    "python-docs-questions": ExampleSourceType(
        lambda source: [python_docs_unit()], read_questions, python_docs_files
    ),
}


def example_files(source: ExampleSource) -> list[AnyPath]:
    """The files that `source` opens, sorted."""
    known = EXAMPLE_SOURCES[source.type]
    return list(known.files()) if known.files else sorted({unit.path for unit in known.units(source)})


def read_examples(
    source: ExampleSource, asked: Asked, unit: Unit, reading: Reading
) -> Iterator[Document | Rejected]:
    """Every record of a unit of `source`; counted in `reading`."""
    return EXAMPLE_SOURCES[source.type].read(source, asked, unit, reading)
