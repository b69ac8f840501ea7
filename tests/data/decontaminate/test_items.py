"""Items out of the forms that published sets come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ontogeny.core.errors import DataError
from ontogeny.data.decontaminate.items import Item, all_items, item_of, read_items, take_apart
from ontogeny.records.row import Fault, Row

FORMS: list[tuple[dict[str, Any], tuple[str, str, tuple[str, ...]]]] = [
    ({"question": "Why?", "answer": "Because."}, ("Why?", "", ("Because.",))),
    ({"query": "Question: Why?", "choices": ["a b", "c d"], "gold": 1}, ("Why?", "", ("c d",))),
    ({"goal": "Do it", "sol1": "one way", "sol2": "other way"}, ("Do it", "", ("one way", "other way"))),
    ({"goal": "Do it", "sol1": "one way", "sol2": "other way", "label": 0}, ("Do it", "", ("one way",))),
    ({"question": "Q", "choice0": "x y", "choice1": "z", "answer": "1"}, ("Q", "", ("z",))),
    ({"Question": "Q", "A": "first", "B": "second", "answer": "B"}, ("Q", "", ("second",))),
    ({"question": "Q", "choices": {"text": ["t", "u"], "label": ["A", "B"]}, "answerKey": "B"}, ("Q", "", ("u",))),
    ({"question": {"stem": "Q"}, "text": "Q2"}, ("Q2", "", ())),
    ({"ctx": "He sits and", "endings": ["stands", "sleeps"], "label": "1"}, ("He sits and", "", ("sleeps",))),
    ({"context": "It was late and the", "continuation": "end"}, ("It was late and the", "", ("end",))),
    ({"passage": "A long text.", "question": "Is it?", "answer": "yes"}, ("Is it?", "A long text.", ("yes",))),
    ({"query": "Passage: A text.\nQuestion: is it?\nAnswer:", "choices": ["no", "yes"], "gold": 1},
     ("is it?", "A text.", ("yes",))),
    ({"query": "Question: A door?\nChoices:\nA. bank\nB. mall\nAnswer:", "choices": ["A", "B"], "gold": 1},
     ("A door?", "", ("mall",))),
    ({"context_options": ["The cat saw", "The dog saw"], "continuation": "it.", "gold": 1},
     ("The dog saw", "", ("it.",))),
    ({"prompt": "def f():", "canonical_solution": "return 1"}, ("def f():", "", ("return 1",))),
    ({"turns": ["First.", "Then."]}, ("First.\nThen.", "", ())),
    ({"question": "Q", "choices": ["x y", "z w"], "label": "unknown"}, ("Q", "", ("unknown",))),
]  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), FORMS)
def test_forms(values: dict[str, Any], expected: tuple[str, str, tuple[str, ...]]) -> None:
    item = item_of(Row(values, 3, "f#record=3"), "suite", {})
    assert item is not None
    assert (item.question, item.context, item.answers) == expected


def test_the_users_own_columns() -> None:
    row = Row({"what": "Why?", "so": "Thus.", "nr": 7, "question": "not this"}, 1, "")
    item = item_of(row, "s", {"question": "what", "answer": "so", "id": "nr"})
    assert item == Item("s", "7", "Why?", "", ("Thus.",))


def test_ids_are_the_rows_own_or_their_numbers() -> None:
    assert item_of(Row({"task_id": "T/0", "prompt": "p"}, 4, ""), "s", {}) == Item("s", "T/0", "p")
    assert item_of(Row({"prompt": "p"}, 4, ""), "s", {}) == Item("s", "record=4", "p")


def test_a_prompt_without_scaffolding_stays_as_it_is() -> None:
    text = "The list:\nA. one thing\nand no more"
    assert take_apart(text) == ("", text, [])


def test_rows_without_a_question_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"question": "Why?"}) + "\n" + json.dumps({"note": "x"}) + "\nnot json\n")
    (file,) = read_items([path])
    assert [item.id for item in all_items([file])] == ["record=1"]
    assert file.items[0].suite == "mine"
    assert [row.reason for row in file.bad] == [Fault.NOT_A_QUESTION, Fault.NOT_JSON]


def test_a_file_without_any_item_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"note": "x", "other": 1}) + "\n")
    with pytest.raises(DataError, match=r"no row of it has a question \(columns: note, other\)") as caught:
        read_items([path])
    assert caught.value.where == str(path)
    assert "columns: {question: goal" in str(caught.value.hint)
