"""What is looked for of an item: its question and answers, without what prompts put around them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate import task
from ontogeny.evaluate.sought import sought
from ontogeny.evaluate.suites import BitsPerByteSuite, TaskSuite


def texts(folder: Path, row: dict[str, Any], definition: str) -> tuple[str, str, tuple[str, ...]]:
    (folder / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (row, row | {"n": 2})))
    (folder / "t.yaml").write_text(definition)
    suite = TaskSuite.model_validate({"task": str(folder / "t.yaml"), "num_fewshot": 1})
    items = sought(suite, task.prepare(suite, limit=None, progress=QuietProgress()))
    assert len(items) == 2
    return items[0].question, items[0].context, items[0].answers


CHOOSING = "type: multiple-choice\ndata: rows.jsonl\n"


def test_a_prompt_that_was_made_beforehand_is_taken_apart(tmp_path: Path) -> None:
    row = {"query": "Passage: Tin melts.\nQuestion: does tin melt?", "choices": ["no", "yes"], "gold": 1}
    definition = f'{CHOOSING}question: "{{{{query}}}}\\nAnswer:"\nchoices: choices\nanswer: gold\n'
    assert texts(tmp_path, row, definition) == ("does tin melt?", "Tin melts.", ("yes",))


def test_answers_that_are_letters_give_way_to_what_they_name(tmp_path: Path) -> None:
    row = {
        "query": "Question: Where is it?\nChoices:\nA. bank\nB. mall\nAnswer:",
        "choices": ["A", "B"],
        "gold": 1,
    }
    definition = f"{CHOOSING}question: query\nchoices: choices\nanswer: gold\n"
    assert texts(tmp_path, row, definition) == ("Where is it?", "", ("mall",))


def test_columns_of_other_names_are_known_by_what_the_task_asks(tmp_path: Path) -> None:
    row = {"q": "Where is it?", "one": "bank", "two": "mall", "text": "something else", "a": 1}
    definition = (
        f'{CHOOSING}question: "Question: {{{{q}}}}\\nA. {{{{one}}}}\\nB. {{{{two}}}}\\nAnswer:"\n'
        'choices: ["A", "B"]\nanswer: a\n'
    )
    assert texts(tmp_path, row, definition) == ("Where is it?", "", ("mall",))


@pytest.mark.parametrize("column", ["ctx", "c"])
def test_what_is_looked_for_does_not_hang_on_the_names_of_columns(column: str, tmp_path: Path) -> None:
    row = {column: "There was a girl named Julie.", "o": ["She was old", "She was three years old"], "g": 1}
    definition = f'{CHOOSING}question: "{{{{{column}}}}}"\nchoices: o\nanswer: g\n'
    found = ("There was a girl named Julie.", "", ("She was three years old",))
    assert texts(tmp_path, row, definition) == found


def test_only_the_right_choice_is_an_answer(tmp_path: Path) -> None:
    row = {"question": "Where is it?", "options": ["the bank", "the mall"], "right": 1}
    definition = f"{CHOOSING}question: question\nchoices: options\nanswer: right\n"
    assert texts(tmp_path, row, definition) == ("Where is it?", "", ("the mall",))


def test_a_reference_answers_where_no_column_does(tmp_path: Path) -> None:
    row = {"question": "Where is it?", "place": "in the mall"}
    definition = "type: generate\ndata: rows.jsonl\nquestion: question\nanswer: place\n"
    assert texts(tmp_path, row, definition) == ("Where is it?", "", ("in the mall",))


def test_a_question_in_two_columns_is_taken_whole(tmp_path: Path) -> None:
    row = {"instruction": "Name the chord that these notes make.", "input": "G, B, E", "output": "E minor"}
    definition = 'type: generate\ndata: rows.jsonl\nquestion: "{{instruction}} {{input}}"\nanswer: output\n'
    question = "Name the chord that these notes make. G, B, E"
    assert texts(tmp_path, row, definition) == (question, "", ("E minor",))


def test_references_answer_what_is_written_and_continued(tmp_path: Path) -> None:
    row = {"beginning": "It was a", "end": "night"}
    assert texts(tmp_path, row, "type: generate\ndata: rows.jsonl\nquestion: beginning\nanswer: end\n") == (
        "It was a", "", ("night",),
    )  # fmt: skip


def test_choices_before_what_is_scored_are_looked_for_with_it(tmp_path: Path) -> None:
    row = {"one": "The cat slept since it", "two": "The dog slept since it", "rest": "was tired", "a": 0}
    definition = f'{CHOOSING}question: "{{{{a}}}}"\nchoices: ["{{{{one}}}}", "{{{{two}}}}"]\nanswer: rest\n'
    definition = definition.replace('["{{one}}", "{{two}}"]', '"{{[one, two]}}"')
    assert texts(tmp_path, row, definition)[0] == "The cat slept since it was tired"


def test_documents_are_no_items() -> None:
    assert sought(BitsPerByteSuite(data="corpus"), object()) == []


@pytest.mark.parametrize("kind", ["perplexity"])
def test_a_text_that_is_scored_as_a_whole_is_looked_for_as_a_whole(kind: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"text": "All of it."}) + "\n")
    (tmp_path / "t.yaml").write_text(f"type: {kind}\ndata: rows.jsonl\n")
    suite = TaskSuite.model_validate({"task": str(tmp_path / "t.yaml")})
    (item,) = sought(suite, task.prepare(suite, limit=None, progress=QuietProgress()))
    assert item.question == "All of it."
