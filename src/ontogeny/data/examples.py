"""Labelled rows as documents: what to answer (`instruct`) and what to choose (`multiple-choice`).

Rows come from files that people bring, in any of the forms of `records.conversations`, or from the Python
documentation. Either way they get ids, groups, a split and licences, so that "which models learnt from this row" has an
answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from ontogeny.core.remote import AnyPath
from ontogeny.data.document import Content, Conversation, Document, MultipleChoice, Rejected
from ontogeny.data.python_docs_questions import PythonDocsQuestionsSource, read_python_docs_questions
from ontogeny.data.sources import csv, jsonl, parquet
from ontogeny.data.sources.files import (
    FileSource,
    Reading,
    UnfitRowError,
    Unit,
    read_documents,
    required_text,
    units_of,
)
from ontogeny.data.sources.python_docs import python_docs_files, python_docs_unit
from ontogeny.records.conversations import NEEDED, Form, NotAConversationError, detect_form, read_conversation
from ontogeny.records.formats import Format
from ontogeny.records.row import Fault, Row

Task: TypeAlias = Literal["instruct", "multiple-choice"]

LEAST_CHOICES = 2


class LabelledFiles(FileSource):
    """`{type: jsonl, path: ./questions.jsonl}`; the same for csv (and tsv) and parquet."""

    contents: ClassVar[tuple[str, ...]] = (
        *("messages", "conversations", "instruction", "input", "output", "prompt", "completion"),
        *("context", "choices", "gold"),
    )

    type: Literal["jsonl", "csv", "parquet"]


ExampleSource: TypeAlias = Annotated[LabelledFiles | PythonDocsQuestionsSource, Field(discriminator="type")]
"""What a recipe may write as the `source` of an `examples` step."""

FORMATS: dict[str, tuple[Format, ...]] = {
    "jsonl": jsonl.FORMATS,
    "csv": csv.FORMATS,
    "parquet": parquet.FORMATS,
}


@dataclass(frozen=True)
class Asked:
    """What an `examples` step asks of a source."""

    task: Task
    held_out_fraction: float
    seed: int


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
    content_of = _conversation if asked.task == "instruct" else _multiple_choice
    return read_documents(source, unit, FORMATS[source.type], reading, content_of=content_of)


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
    "jsonl": _LABELLED,
    "csv": _LABELLED,
    "parquet": _LABELLED,
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


def _conversation(row: Row, reading: Reading) -> Content:
    form = detect_form(row.values)
    if form is None:
        there = ", ".join(map(str, row.values)) or "none"
        known = "; or ".join(", ".join(columns) for columns in NEEDED.values())
        raise UnfitRowError(
            Fault.MISSING_COLUMN, f"the columns {there} hold no conversation; needed are {known}"
        )
    reading.note_detected(f"form: {Form(form)}")
    try:
        return Conversation(read_conversation(row.values, form))
    except NotAConversationError as error:
        raise UnfitRowError(Fault.NOT_A_CONVERSATION, str(error)) from error


def _multiple_choice(row: Row, reading: Reading) -> Content:
    prompt = required_text(row, "prompt")
    choices, gold, context = row.values.get("choices"), row.values.get("gold"), row.values.get("context")
    if not isinstance(choices, list) or len(choices) < LEAST_CHOICES:
        raise UnfitRowError(Fault.NOT_A_QUESTION, f"`choices` is not a list of {LEAST_CHOICES} or more texts")
    texts = tuple(choice for choice in choices if isinstance(choice, str) and choice.strip())
    if len(texts) != len(choices) or len(set(texts)) != len(texts):
        raise UnfitRowError(Fault.NOT_A_QUESTION, "`choices` must be texts that differ, none of them empty")
    if not isinstance(gold, int) or isinstance(gold, bool) or not 0 <= gold < len(texts):
        raise UnfitRowError(
            Fault.NOT_A_QUESTION,
            f"`gold` is {gold!r}; it must be the position of a choice, 0 to {len(texts) - 1}",
        )
    return MultipleChoice(prompt, context if isinstance(context, str) else "", texts, gold)
