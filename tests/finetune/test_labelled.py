"""Labelled texts: what is read, what is refused, and what of a text that is too long reaches the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ontogeny.core.errors import DataError, UsageError
from ontogeny.finetune.config_classify import LongTexts
from ontogeny.finetune.labelled import ClassRows, TextReader, gold_of, label_names, read_labelled
from ontogeny.tokenizer.codec import Tokenizer
from tests.finetune.labelled_data import spam_examples, write_examples

ROWS: dict[str, list[Any]] = {
    "split": ["train", "train", "held_out", "test"],
    "text": ["one", "two", "three", "four"],
    "label": ["b", "a", "a", "b"],
}


def test_parts_and_names_in_the_order_of_the_examples(tmp_path: Path) -> None:
    folder = write_examples(tmp_path, rows=ROWS, listed=["b", "a", "c"])
    parts = read_labelled(folder, "single")
    assert parts["train"].texts == ("one", "two")
    assert parts["test"].labels == (("b",),)
    assert label_names(folder, parts) == ("b", "a", "c")
    assert gold_of(parts["train"].labels, ("b", "a", "c"), "single").tolist() == [0, 1]


def test_names_in_the_order_of_the_alphabet_where_nothing_lists_them(tmp_path: Path) -> None:
    folder = write_examples(tmp_path, rows=ROWS)
    assert label_names(folder, read_labelled(folder, "single")) == ("a", "b")


def test_several_labels(tmp_path: Path) -> None:
    several = {**ROWS, "label": ["a|b", "", "a", "b"], "labels": [["a", "b"], [], ["a"], ["b"]]}
    folder = write_examples(tmp_path, rows=several, listed=["a", "b"])
    parts = read_labelled(folder, "multi-label")
    assert parts["train"].labels == (("a", "b"), ())
    assert gold_of(parts["train"].labels, ("a", "b"), "multi-label").tolist() == [[1, 1], [0, 0]]
    with pytest.raises(DataError, match="a text has 2 labels") as caught:
        read_labelled(folder, "single")
    assert caught.value.hint == "where texts may have several, or none, set `classify: {kind: multi-label}`"


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"split": ["train", "train", "train", "test"]}, "for early stopping", "raise `held_out_fraction`"),
        ({"split": ["train", "train", "held_out", "train"]}, "to measure on", "set `test_fraction`"),
        ({"label": ["a", "a", "a", "b"]}, "all 2 examples to learn from have one label, 'a'", "at least two"),
    ],
)
def test_too_little(tmp_path: Path, change: dict[str, Any], message: str, hint: str) -> None:
    folder = write_examples(tmp_path, rows=ROWS | change)
    with pytest.raises(DataError, match=message) as caught:
        label_names(folder, read_labelled(folder, "single"))
    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_examples_of_another_task(tmp_path: Path) -> None:
    folder = write_examples(tmp_path, rows={"split": ["train"], "text": ["one"]})
    with pytest.raises(DataError, match="the examples have no `text` and `label`"):
        read_labelled(folder, "single")


def test_texts_are_read_with_the_template(tokenizer: Tokenizer) -> None:
    reader = TextReader(tokenizer, 100, "what {text} it")
    rows, cut = reader.read(["the names", ""])
    assert cut == 0
    assert [tokenizer.decode(row) for row in rows] == ["what the names it", "what  it"]
    assert TextReader(tokenizer, 100).read([""]) == ([[tokenizer.start_id]], 0)


@pytest.mark.parametrize(("kept", "first"), [("head", 8), ("tail", 0), ("head-tail", 2)])
def test_what_is_kept_of_a_long_text(tokenizer: Tokenizer, kept: LongTexts, first: int) -> None:
    text = " ".join(f"the number {number}" for number in range(20))
    ids = tokenizer.encode(text)
    before, after = tokenizer.encode("what "), tokenizer.encode(" it")
    seq_len = 8 + len(before) + len(after)
    rows, cut = TextReader(tokenizer, seq_len, "what {text} it", kept).read([text, "names"])
    last = ids[len(ids) - (8 - first) :] if first < 8 else []
    assert cut == 1
    assert rows[0] == [*before, *ids[:first], *last, *after]
    assert len(rows[0]) == seq_len


def test_a_template_that_leaves_no_room(tokenizer: Tokenizer) -> None:
    with pytest.raises(UsageError, match="the template alone has") as caught:
        TextReader(tokenizer, 3, "what does the function return {text}").read(["it"])
    assert caught.value.where == "classify.template"


def test_rows_end_with_their_target() -> None:
    rows = ClassRows.of(["x", "y"], [[5, 6, 7], [8]], np.array([1, 0]))
    assert rows.spans.length.tolist() == [4, 2]
    assert rows.read(0, 4, 2).tolist() == [8, 0]
    assert rows.read_mask(0, 0, 4).tolist() == [False, False, False, True]


def test_the_small_examples_hold_both_labels_in_every_part(tmp_path: Path) -> None:
    parts = read_labelled(spam_examples(tmp_path), "single")
    assert all({"ham", "spam"} == {name for own in part.labels for name in own} for part in parts.values())
