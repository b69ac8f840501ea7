"""Labelled rows from files as documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from ontogeny.data.document import Conversation, Document, MultipleChoice, Rejected
from ontogeny.data.examples import (
    Asked,
    ExampleSource,
    LabelledFiles,
    Task,
    labelled_units,
    read_examples,
)
from ontogeny.data.sources.files import Reading
from ontogeny.records.accounting import RowCount
from ontogeny.records.conversations import Message


def read(
    path: Path, rows: list[dict[str, object]], task: Task = "instruct", **settings: object
) -> tuple[list[Document | Rejected], Reading]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = LabelledFiles.model_validate({"type": "jsonl", "path": str(path), **settings})
    reading = Reading(RowCount("x"))
    (unit,) = labelled_units(source)
    return list(read_examples(source, Asked(task, 0.1, 1), unit, reading)), reading


def test_forms_are_detected_and_recorded(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"instruction": "Why?", "output": "So.", "id": 3, "group": "g", "license": "MIT"},
        {"prompt": "Why?", "completion": "So."},
    ]
    records, reading = read(tmp_path / "a.jsonl", rows)
    for record in records:
        assert isinstance(record, Document)
        assert record.content == Conversation((Message("user", "Why?"), Message("assistant", "So.")))
    assert isinstance(records[0], Document)
    assert (records[0].group, records[0].license) == ("g", "MIT")
    assert reading.detected == ["jsonl", "form: instruction, input, output", "form: prompt, completion"]


def test_columns_can_be_named(tmp_path: Path) -> None:
    ((record,), _) = read(
        tmp_path / "a.jsonl",
        [{"q": "Why?", "response": "So."}],
        columns={"instruction": "q", "output": "response"},
    )
    assert isinstance(record, Document)


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (
            {"text": "x"},
            "missing_column",
            "the columns text hold no conversation; needed are messages; or instruction",
        ),
        ({"prompt": "x", "completion": " "}, "not_a_conversation", "turn 1 (assistant) is empty"),
    ],
)
def test_rows_that_hold_no_conversation(
    tmp_path: Path, row: dict[str, object], reason: str, detail: str
) -> None:
    ((record,), _) = read(tmp_path / "a.jsonl", [row])
    assert isinstance(record, Rejected)
    assert record.reason == reason
    assert detail in record.detail


def test_multiple_choice_rows(tmp_path: Path) -> None:
    ((record,), _) = read(
        tmp_path / "a.jsonl", [{"prompt": "Which?", "choices": ["a", "b"], "gold": 1}], "multiple-choice"
    )
    assert isinstance(record, Document)
    assert record.content == MultipleChoice("Which?", "", ("a", "b"), 1)


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ({"choices": ["a", "b"], "gold": 1}, "no column 'prompt'"),
        ({"prompt": "x", "choices": "ab", "gold": 1}, "not a list of 2 or more texts"),
        ({"prompt": "x", "choices": ["a"], "gold": 0}, "not a list of 2 or more texts"),
        ({"prompt": "x", "choices": ["a", "a"], "gold": 0}, "must be texts that differ"),
        ({"prompt": "x", "choices": ["a", ""], "gold": 0}, "must be texts that differ"),
        (
            {"prompt": "x", "choices": ["a", "b"], "gold": 2},
            "`gold` is 2; it must be the position of a choice, 0 to 1",
        ),
        ({"prompt": "x", "choices": ["a", "b"], "gold": True}, "`gold` is True"),
    ],
)
def test_rows_that_hold_no_question(tmp_path: Path, row: dict[str, object], detail: str) -> None:
    ((record,), _) = read(tmp_path / "a.jsonl", [row], "multiple-choice")
    assert isinstance(record, Rejected)
    assert detail in record.detail


def test_unknown_types_and_columns_are_refused() -> None:
    adapter: TypeAdapter[ExampleSource] = TypeAdapter(ExampleSource)
    with pytest.raises(ValidationError, match="'python-docs-questions'"):
        adapter.validate_python({"type": "python-docs"})
    with pytest.raises(ValidationError, match=r"'answer' is no column of ours"):
        adapter.validate_python({"type": "csv", "path": "a.csv", "columns": {"answer": "x"}})
