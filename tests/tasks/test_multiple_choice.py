"""Multiple choice without a model: scorers are written out here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError
from ontogeny.tasks.multiple_choice import (
    NEUTRAL,
    Answer,
    MultipleChoiceItem,
    Prompt,
    ask,
    chance,
    choose,
    neutral_text,
    prompt_of,
    read_items,
)


def item(**changes: Any) -> MultipleChoiceItem:
    fields = {
        "id": "1", "group": "g", "prompt": "What does f do?", "context": 'def f():\n    """',
        "choices": ("It runs.", "It walks slowly."), "gold": 0,
    }  # fmt: skip
    return MultipleChoiceItem(**(fields | changes))


def row(**changes: Any) -> dict[str, Any]:
    fields = {
        "doc_id": "a", "group": "g", "split": "held_out", "locator": "os.py:3", "prompt": "What does f do?",
        "context": "def f", "choices": ["yes", "no"], "gold": 1,
    }  # fmt: skip
    return fields | changes


def examples(folder: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), folder / "part-00000.parquet")
    return folder


def test_items_come_in_the_order_of_their_ids_whatever_the_order_of_rows(tmp_path: Path) -> None:
    rows = [
        row(doc_id=name, split=split)
        for name, split in [("c", "held_out"), ("b", "train"), ("a", "held_out")]
    ]
    found = read_items(examples(tmp_path, rows), name="choices@1")
    assert [one.id for one in found] == ["a", "c"]
    assert found[0] == MultipleChoiceItem("a", "g", "What does f do?", "def f", ("yes", "no"), 1)
    assert [one.id for one in read_items(tmp_path, name="choices@1", limit=1)] == ["a"]
    assert [one.id for one in read_items(tmp_path, name="choices@1", split="train")] == ["b"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gold": 2}, "item a: gold is 2, but its 2 choices count from 0"),
        ({"gold": -1}, "item a: gold is -1, but its 2 choices count from 0"),
        ({"choices": ["only"]}, "item a needs at least 2 choices, none of them empty"),
        ({"choices": ["", "no"]}, "item a needs at least 2 choices, none of them empty"),
        ({"split": "train"}, "no multiple-choice item is in the split 'held_out'"),
    ],
)
def test_items_that_do_not_serve_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_items(examples(tmp_path, [row(**changes)]), name="choices@1")
    assert caught.value.where is not None and caught.value.where.startswith("choices@1")
    assert caught.value.hint


@pytest.mark.parametrize(
    "rows", [None, [{"doc_id": "a", "group": "g", "split": "held_out", "locator": "", "text": ""}]]
)
def test_other_examples_are_refused(tmp_path: Path, rows: list[dict[str, Any]] | None) -> None:
    folder = examples(tmp_path, rows) if rows else tmp_path
    with pytest.raises(DataError, match="these are not multiple-choice examples: no column"):
        read_items(folder, name="choices@1")


def test_prompts_in_both_forms() -> None:
    assert prompt_of(item(), "chat") == Prompt("chat", "What does f do?")
    assert prompt_of(item(), "plain") == Prompt("plain", 'def f():\n    """')
    assert prompt_of(item(context=""), "plain") == Prompt("plain", "Question: What does f do?\nAnswer: ")


def test_the_neutral_question_is_what_all_questions_share() -> None:
    assert neutral_text(["What does `f` do?", "What does `os.walk` do?"]) == "What does `` do?"
    assert neutral_text(["abcab", "abab"]) == "abab", "beginning and end do not share letters"
    assert neutral_text(["x", "y"]) == NEUTRAL
    assert neutral_text(["one question"]) == NEUTRAL
    assert neutral_text(["same", "same"]) == NEUTRAL


def test_asking_scores_every_choice_after_its_question_and_once_after_the_neutral_one() -> None:
    asked: list[list[tuple[Prompt, str]]] = []

    def scorer(pairs: Sequence[tuple[Prompt, str]]) -> list[float]:
        asked.append(list(pairs))
        return [-float(len(prompt.text) + len(choice)) for prompt, choice in pairs]

    items = [item(), item(id="2", prompt="What does g2 do?", choices=("It runs.", "No."))]
    answers = ask(items, "chat", scorer)
    neutral = Prompt("chat", "What does  do?")
    assert asked[0] == [(prompt_of(one, "chat"), choice) for one in items for choice in one.choices]
    assert asked[1] == [(neutral, "No."), (neutral, "It runs."), (neutral, "It walks slowly.")]
    assert answers[1] == Answer((-24.0, -19.0), (-22.0, -17.0))


def test_each_rule_can_choose_differently() -> None:
    answer = Answer(logprobs=(-4.0, -6.0), neutral_logprobs=(-5.0, -5.5))
    one = item(choices=("ab", "abcdef"))
    assert choose(one, answer, "acc") == 0
    assert choose(one, answer, "acc_bytes") == 1
    assert choose(one, answer, "acc_mutual_info") == 0
    assert choose(one, Answer((-4.0, -6.0), (-4.0, -9.0)), "acc_mutual_info") == 1


def test_bytes_are_counted_not_letters() -> None:
    one = item(choices=("ää", "abc"))
    assert choose(one, Answer((-3.9, -3.0), (0.0, 0.0)), "acc_bytes") == 0


def test_of_equals_the_first_is_chosen() -> None:
    assert choose(item(), Answer((-1.0, -1.0), (0.0, 0.0)), "acc") == 0


def test_chance_is_the_accuracy_of_guessing() -> None:
    assert chance([item(), item(choices=("a", "b", "c", "d"))]) == pytest.approx((1 / 2 + 1 / 4) / 2)
