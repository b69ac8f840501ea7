"""Questions about the library: nothing held out is ever trained on, and every item is sound."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ontogeny.data import python_docs_questions as questions
from ontogeny.data.document import Conversation, Document, MultipleChoice, Rejected, Shape
from ontogeny.data.python_descriptions import folded
from ontogeny.data.python_docs_questions import PythonDocsQuestionsSource, read_python_docs_questions
from ontogeny.data.python_modules import Module, parse_module
from ontogeny.data.python_topics import Topic
from ontogeny.data.sources.files import Reading
from ontogeny.records.accounting import RowCount

if TYPE_CHECKING:
    from tests.data.conftest import Made

SOURCE = PythonDocsQuestionsSource(type="python-docs-questions")


def answer(row: dict[str, object]) -> str:
    """What is to be answered or chosen in a row of either shape."""
    if "messages" in row:
        return str(row["messages"][-1]["content"])  # type: ignore[index]
    return str(row["choices"][row["gold"]])  # type: ignore[index]


def test_nothing_held_out_is_in_the_training_side_of_anything(
    corpus: Made, conversations: Made, choices: Made
) -> None:
    trained = folded("\n".join(str(row["text"]) for row in corpus.rows("train")))
    trained_rows = [*conversations.rows("train"), *choices.rows("train")]
    trained_answers = {folded(answer(row)) for row in trained_rows}
    trained_functions = {str(row["locator"]) for row in trained_rows}
    trained_groups = {row["group"] for row in [*trained_rows, *corpus.rows("train")]}
    held_out_rows = [*conversations.rows("held_out"), *choices.rows("held_out")]
    assert len(choices.rows("held_out")) >= 200
    for row in held_out_rows:
        assert row["locator"] not in trained_functions
        assert row["group"] not in trained_groups
        assert folded(answer(row)) not in trained_answers
        assert folded(answer(row)) not in trained
    assert not {row["group"] for row in corpus.rows("held_out")} & trained_groups


def test_no_wrong_choice_is_right_and_the_place_of_the_right_one_tells_nothing(choices: Made) -> None:
    rows = choices.rows()
    splits = {folded(answer(row)): row["split"] for row in rows}
    for row in rows:
        options = [folded(choice) for choice in row["choices"]]  # type: ignore[attr-defined]
        assert len(options) == len(set(options)) == 4
        assert {splits[option] for option in options} == {row["split"]}
        assert str(row["context"]).endswith("\n")
    places = Counter(row["gold"] for row in rows)
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) < 1.15 * len(rows) / 4


def test_length_alone_does_not_answer(choices: Made) -> None:
    longest = shortest = 0
    rows = choices.rows()
    for row in rows:
        sizes = [len(choice) for choice in row["choices"]]  # type: ignore[attr-defined]
        longest += sizes.index(max(sizes)) == row["gold"]
        shortest += sizes.index(min(sizes)) == row["gold"]
    assert 0.2 < longest / len(rows) < 0.3
    assert 0.2 < shortest / len(rows) < 0.3


def test_both_shapes_ask_for_a_description_in_the_same_words(conversations: Made, choices: Made) -> None:
    asked = {str(row["messages"][0]["content"]) for row in conversations.rows()}  # type: ignore[index]
    assert {str(row["prompt"]) for row in choices.rows()} <= asked


def modules_of(sources: dict[str, str]) -> list[Module]:
    return [parse_module(text.encode(), name, Path(f"{name}.py")) for name, text in sources.items()]


def function(name: str, docstring: str) -> str:
    return f"def {name}(x):\n    {docstring!r}\n"


def read(
    monkeypatch: pytest.MonkeyPatch,
    modules: list[Module],
    shape: Shape = "instruct",
    *,
    seed: int = 1,
    topics: str = "",
) -> list[Document | Rejected]:
    found = [Topic("t", "topic:t", topics, 0, 1)] if topics else []
    monkeypatch.setattr(questions, "read_library", lambda *_: (found, iter(modules), "2024-01-01"))
    reading = Reading(RowCount("q"))
    return list(read_python_docs_questions(SOURCE, reading, shape=shape, held_out_fraction=0.1, seed=seed))


def reasons(records: list[Document | Rejected]) -> list[str]:
    return [record.reason for record in records if isinstance(record, Rejected)]


def test_three_questions_an_item(monkeypatch: pytest.MonkeyPatch) -> None:
    records = read(monkeypatch, modules_of({"json": function("load", "Read a value from x.")}))
    pairs = [
        (record.content.messages[0].content, record.content.messages[1].content)
        for record in records
        if isinstance(record, Document) and isinstance(record.content, Conversation)
    ]
    assert pairs == [
        ("What does json.load(x) do?", "Read a value from x."),
        ("Which function in json fits this description? Read a value from x.", "json.load"),
        ("What is the signature of json.load?", "json.load(x)"),
    ]
    assert isinstance(records[0], Document)
    assert (records[0].group, records[0].locator) == ("json", "json.py#bytes=0-39")


def test_reasons_why_a_function_is_no_item(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        function("a", "Internal function.")
        + function("b", "Do a thing well.")
        + function("c", "Do a thing WELL")
    )
    assert reasons(read(monkeypatch, modules_of({"json": text}))) == [
        "no_description",
        "repeated_description",
    ]


@pytest.mark.parametrize(
    "train", ["Look: Tell the\ntime of day!", "Another paragraph.\n\nTell the time of day."]
)
def test_a_held_out_answer_that_training_says_is_dropped(monkeypatch: pytest.MonkeyPatch, train: str) -> None:
    held_out = function("now", "Tell the time of day.")  # datetime is held out, json is not
    modules = modules_of({"datetime": held_out, "json": function("f", train)})
    assert "also_in_training" in reasons(read(monkeypatch, modules))
    assert "also_in_training" in reasons(read(monkeypatch, modules_of({"datetime": held_out}), topics=train))
    assert "also_in_training" not in reasons(read(monkeypatch, modules_of({"datetime": held_out})))


def test_a_held_out_name_that_training_says_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = modules_of({"datetime": function("now", "Tell the time of day.")})
    records = read(monkeypatch, modules, topics="Use datetime.now for it.")
    assert reasons(records) == ["also_in_training"]
    assert len(records) == 3


def test_too_few_descriptions_make_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = modules_of({"json": "".join(function(f"f{n}", f"Do the thing number {n}.") for n in range(3))})
    assert reasons(read(monkeypatch, modules, "multiple-choice")) == ["too_few_choices"] * 3


def test_namesakes_are_never_wrong_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"class C{n}:\n    def go(self):\n        'Go on to place {n}.'\n" for n in range(6))
    others = "".join(function(f"f{n}", f"Do the thing number {n}.") for n in range(3))
    records = read(monkeypatch, modules_of({"json": text + others}), "multiple-choice")
    for record in records:
        assert isinstance(record, Document)
        assert isinstance(record.content, MultipleChoice)
        if "go(self)" in record.content.prompt:
            assert sum(choice.startswith("Go on") for choice in record.content.choices) == 1


def test_order_of_modules_does_not_matter_and_the_seed_does(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = modules_of(
        {
            name: "".join(function(f"f{n}", f"Do the {name} number {n}.") for n in range(9))
            for name in ("json", "os")
        }
    )
    first = read(monkeypatch, modules, "multiple-choice")
    assert read(monkeypatch, modules[::-1], "multiple-choice") == first
    assert read(monkeypatch, modules, "multiple-choice", seed=2) != first
