"""Columns of examples under other plain names."""

from __future__ import annotations

import pytest

from ontogeny.data.document import LabelledText
from ontogeny.data.examples_columns import PLAIN_NAMES
from ontogeny.data.examples_rows import conversation_of, labelled_text_of
from ontogeny.data.sources.files import ABOUT, Reading, UnfitRowError
from ontogeny.records.accounting import RowCount
from ontogeny.records.row import Fault, Row


def reading() -> Reading:
    return Reading(RowCount("x"))


def row(values: dict[str, object]) -> Row:
    return Row(values, 1, "a.jsonl#record=1")


@pytest.mark.parametrize(
    ("text", "label"),
    [("v2", "v1"), ("Message", "Category"), ("text", "intent"), ("review", "sentiment"), ("Text", " LABEL ")],
)
def test_plain_names_stand_for_text_and_label(text: str, label: str) -> None:
    seen = reading()
    assert labelled_text_of(row({label: "a", text: "x"}), seen) == LabelledText("x", ("a",))
    told = {f"{ours}: the column {theirs!r}" for ours, theirs in (("text", text), ("label", label))}
    assert set(seen.detected) == told - {"text: the column 'text'"}


def test_a_column_of_ours_is_taken_before_any_other() -> None:
    seen = reading()
    found = labelled_text_of(row({"message": "y", "text": "x", "label": "a", "category": "b"}), seen)
    assert found == LabelledText("x", ("a",))
    assert seen.detected == ["columns that nothing is made of: message, category"]


def test_of_two_that_could_be_meant_none_is_taken() -> None:
    with pytest.raises(
        UnfitRowError, match=r"'message' or 'body' could be meant.*`columns: \{text: message\}`"
    ) as error:
        labelled_text_of(row({"message": "y", "body": "x", "label": "a"}), reading())
    assert error.value.fault is Fault.MISSING_COLUMN


def test_what_is_missing_is_told_with_the_columns_that_there_are() -> None:
    with pytest.raises(
        UnfitRowError, match=r"no column 'label'; there are: message, lable\. Did you mean 'lable'"
    ):
        labelled_text_of(row({"message": "x", "lable": "a"}), reading())
    with pytest.raises(UnfitRowError, match="the columns question, reply hold no conversation"):
        conversation_of(row({"question": "x", "reply": "y"}), reading())


@pytest.mark.parametrize(
    ("values", "question"),
    [
        ({"question": "q", "answer": "a"}, "q"),
        ({"prompt": "q", "response": "a"}, "q"),
        ({"instruction": "q", "response": "a"}, "q"),
        ({"instruction": "q", "context": "c", "response": "a"}, "q\n\nc"),
    ],
)
def test_plain_names_stand_for_those_of_a_conversation(values: dict[str, object], question: str) -> None:
    found = conversation_of(row(values), reading())
    assert [message.content for message in found.messages] == [question, "a"]


def test_a_question_about_a_context_is_no_question_without_it() -> None:
    with pytest.raises(UnfitRowError, match="the columns question, context, answer hold no conversation"):
        conversation_of(row({"question": "q", "context": "c", "answer": "a"}), reading())


def test_plain_names_are_apart_from_each_other_and_from_columns_of_ours() -> None:
    texts, labels = set(PLAIN_NAMES["text"]), set(PLAIN_NAMES["label"])
    assert not texts & labels
    assert not (texts | labels) & {*ABOUT, "text", "label"}
    assert all(name == name.casefold() for names in PLAIN_NAMES.values() for name in names)
