"""Dialogue logs in each form become text; rows that are no dialogue are counted."""

from __future__ import annotations

import json
from pathlib import Path

from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources.dialogue import DialogueSource, read_dialogue
from tests.data.sources.unit_reading import read_unit, reasons, texts

TURNS = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello")]
MESSAGES = {"messages": [{"role": role, "content": content} for role, content in TURNS]}
SHAREGPT = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}
ALPACA = {"instruction": "Hi", "input": "", "output": "Hello"}
PAIR = {"prompt": "Hi", "completion": "Hello"}


def read(rows: list[object], folder: Path, **settings: object) -> list[Document | Rejected]:
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = DialogueSource.model_validate({"type": "dialogue", "path": str(path), **settings})
    return read_unit(source, read_dialogue, path)[0]


def test_every_form_becomes_the_same_text(tmp_path: Path) -> None:
    assert texts(read([MESSAGES, SHAREGPT, ALPACA, PAIR], tmp_path)) == ["User: Hi\n\nAssistant: Hello"] * 4


def test_names_and_the_system_message_are_asked_for(tmp_path: Path) -> None:
    found = texts(read([MESSAGES], tmp_path, user="Q", assistant="A", system="Note"))
    assert found == ["Note: Be brief.\n\nQ: Hi\n\nA: Hello"]


def test_rows_that_are_no_dialogue_are_counted(tmp_path: Path) -> None:
    records = read([{"text": "x"}, {"messages": [{"role": "user", "content": "Hi"}]}, MESSAGES], tmp_path)
    assert reasons(records) == ["missing_column", "not_a_conversation"]
    assert isinstance(records[0], Rejected)
    assert (
        "expected one of messages; instruction, output; conversations; prompt, completion"
        in records[0].detail
    )
