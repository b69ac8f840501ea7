"""What a labelled row must hold, and the words for what it lacks."""

from __future__ import annotations

import pytest

from ontogeny.data.document import LabelledText
from ontogeny.data.examples_rows import label_name, label_names, labelled_text_of
from ontogeny.data.sources.files import Reading, UnfitRowError
from ontogeny.records.accounting import RowCount
from ontogeny.records.row import Fault, Row


def reading() -> Reading:
    return Reading(RowCount("x"))


def row(**values: object) -> Row:
    return Row(values, 1, "a.jsonl#record=1")


@pytest.mark.parametrize(
    ("value", "name"),
    [("spam", "spam"), (" spam ", "spam"), (3, "3"), (3.0, "3"), (-1, "-1"), (True, "true"), ("3.0", "3.0")],
)
def test_labels_are_names_and_whole_numbers(value: object, name: str) -> None:
    assert label_name(value) == name


@pytest.mark.parametrize(
    ("value", "fault", "says"),
    [
        (None, Fault.NO_LABEL, "the label is empty"),
        ("  ", Fault.NO_LABEL, "the label is empty"),
        (float("nan"), Fault.NO_LABEL, "not a number"),
        (0.37, Fault.NOT_A_LABEL, "the label is 0.37, which measures something"),
        ({"a": 1}, Fault.NOT_A_LABEL, "the label is a dict, not a name, a whole number or a list of names"),
    ],
)
def test_what_is_no_label_says_why(value: object, fault: Fault, says: str) -> None:
    with pytest.raises(UnfitRowError, match=says) as error:
        label_name(value)
    assert error.value.fault is fault


def test_a_row_may_have_several_labels() -> None:
    assert label_names(["b", "a", "b"]) == ("a", "b")
    assert label_names([]) == ()
    assert label_names("b, a,", ",") == ("a", "b")
    assert label_names("", ",") == ()
    assert label_names("a, b") == ("a, b",)


def test_a_bar_is_no_part_of_one_of_several_labels() -> None:
    with pytest.raises(UnfitRowError, match=r"the label 'a\|b' holds '\|'"):
        label_names(["a|b"])
    assert label_names("a|b") == ("a|b",)
    assert label_names("a|b", "|") == ("a", "b")


def test_text_and_label_make_an_example() -> None:
    assert labelled_text_of(row(text="x", label="a"), reading()) == LabelledText("x", ("a",))
    assert labelled_text_of(row(text="x"), reading(), folder="a") == LabelledText("x", ("a",))


@pytest.mark.parametrize(
    ("values", "fault", "says"),
    [
        (
            {"text": "x"},
            Fault.MISSING_COLUMN,
            r"no column 'label'; there are: text.* `task: classify` needs a text",
        ),
        (
            {"ham": "spam"},
            Fault.MISSING_COLUMN,
            r"no column 'text'; there are: ham.*`header: \[label, text\]`",
        ),
        ({"text": " \x00\n", "label": "a"}, Fault.EMPTY_TEXT, "the text is empty"),
        ({"text": ["x"], "label": "a"}, Fault.WRONG_TYPE, "column 'text' holds list, not text"),
        ({"text": "x", "label": "hem"}, Fault.UNKNOWN_LABEL, "'hem' is none of `labels`: ham, spam.*'ham'"),
        ({"text": "x", "label": ["ham", "eggs"]}, Fault.UNKNOWN_LABEL, "'eggs' is none of `labels`"),
    ],
)
def test_rows_that_are_no_example(values: dict[str, object], fault: Fault, says: str) -> None:
    with pytest.raises(UnfitRowError, match=says) as error:
        labelled_text_of(row(**values), reading(), labels=("ham", "spam"))
    assert error.value.fault is fault


def test_columns_that_are_not_used_are_told_once() -> None:
    seen = reading()
    for _ in range(2):
        labelled_text_of(row(text="x", label="a", id=1, stars=3), seen)
        seen.count.add_good()
    assert seen.detected == ["columns that nothing is made of: stars"]
