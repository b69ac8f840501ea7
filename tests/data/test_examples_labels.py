"""The order of labels, and the words for those that do not serve."""

from __future__ import annotations

import pytest

from ontogeny.core.errors import DataError
from ontogeny.data.examples_labels import Counts, check_after, check_before, in_order, notes_on


def test_labels_are_in_the_order_given_or_of_the_alphabet_or_of_numbers() -> None:
    assert in_order(["b", "a", "b"]) == ("a", "b")
    assert in_order(["b", "a"], ["b", "a", "c"]) == ("b", "a", "c")
    assert in_order(["10", "9", "-1"]) == ("-1", "9", "10")
    assert in_order(["1.5", "x"]) == ("1.5", "x")
    assert in_order(["inf", "nan"]) == ("inf", "nan")
    assert in_order(["1.5", "2"], ["1.5", "2"]) == ("1.5", "2")


def test_a_column_of_floats_is_refused() -> None:
    with pytest.raises(DataError, match=r"all labels are numbers, and '0\.5' is not whole"):
        in_order(["1", "0.5"])


def test_one_class_only_is_refused() -> None:
    labels = [("ham",)] * 30
    with pytest.raises(DataError, match="all 30 examples to learn from have one label, 'ham'"):
        check_before(labels, labels)
    with pytest.raises(DataError, match="no example to learn from has a label"):
        check_before([()] * 30, [()] * 30)
    check_before(
        [("a",), ()] * 15, [("a",), ()] * 15
    )  # of several labels one is enough: a text has it, or not


def test_three_examples_are_too_few() -> None:
    labels = [("ham",), ("ham",), ("spam",)]
    with pytest.raises(DataError, match=r"3 examples \(ham 2, spam 1\) are too few.* at least 10") as error:
        check_before(labels, labels)
    assert "a few hundred" in str(error.value.hint)


def test_labels_that_are_numbers_of_rows_are_refused() -> None:
    labels = [(f"row {n}",) for n in range(30)]
    with pytest.raises(
        DataError, match=r"30 examples to learn from have 30 labels, such as 'row 0', .*most are there once"
    ):
        check_before(labels, labels)


def test_a_label_that_training_never_saw_is_refused() -> None:
    counts: Counts = {
        "a": {"train": 9, "held_out": 1, "test": 1},
        "b": {"train": 0, "held_out": 0, "test": 2},
    }
    with pytest.raises(
        DataError, match=r"1 of 2 labels stand in the test part and never in train: 'b' \(2\)"
    ) as error:
        check_after(counts)
    assert "labels: [...]" in str(error.value.hint)


def test_labels_that_are_rare_or_alike_are_noted() -> None:
    counts: Counts = {
        name: {"train": number, "held_out": 0, "test": 0}
        for name, number in (("Ham", 9), ("ham", 2), ("spam", 8))
    }
    assert list(notes_on(counts)) == [
        "the labels 'Ham', 'ham' differ only in case: are they meant to be two?",
        "1 label has fewer than 5 examples to learn from: ham (2)",
    ]
