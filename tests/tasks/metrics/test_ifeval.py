"""Strict and loose accuracy of prompts and instructions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ontogeny.core.errors import DataError
from ontogeny.tasks.answers import judge_of, labels_of
from ontogeny.tasks.build import build_items
from ontogeny.tasks.catalogue import find_tasks
from ontogeny.tasks.metrics import METRICS
from ontogeny.tasks.metrics.ifeval import loose
from ontogeny.tasks.metrics.ifeval_rules import mistake_in
from ontogeny.tasks.requests import Answer, Item, Written

DATA = Path(__file__).parents[4] / "shared" / "data"
LEVELS = (
    "prompt_level_strict_acc",
    "inst_level_strict_acc",
    "prompt_level_loose_acc",
    "inst_level_loose_acc",
)
TWO = {
    "instruction_id_list": ["punctuation:no_comma", "startend:end_checker"],
    "kwargs": [{"end_phrase": None}, {"end_phrase": "Bye."}],
}


def judged(document: dict[str, Any], text: str) -> list[tuple[float, ...]]:
    item = Item("id", "task", "id", document, ())
    return [METRICS[name, "generate_until"].judge(item, Answer(outputs=(text,)), {})[name] for name in LEVELS]


@pytest.mark.parametrize(
    ("text", "strict", "loosely"),
    [
        ("So it is. Bye.", 2, 2),
        ("Well, so it is. Bye.", 1, 1),
        ("Sure, here it is:\nSo it is. Bye.", 1, 2),
        ("So it is. Bye.\nHope, this helps", 0, 2),
        ("Sure, here it is:\nSo it is. **Bye.**\nHope, this helps", 0, 2),
        ("", 0, 0),
        (" \n", 0, 0),
    ],
)
def test_what_is_followed_strictly_and_loosely(text: str, strict: int, loosely: int) -> None:
    assert judged(TWO, text) == [
        (float(strict == 2), 1.0), (float(strict), 2.0), (float(loosely == 2), 1.0), (float(loosely), 2.0),
    ]  # fmt: skip


def test_loose_readings_are_eight() -> None:
    assert list(loose("a\n*b*\nc")) == [
        "a\n*b*\nc",
        "a\nb\nc",
        "*b*\nc",
        "b\nc",
        "a\n*b*",
        "a\nb",
        "*b*",
        "b",
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"prompt": "x"}, "instruction_id_list and kwargs are not two lists of one length"),
        (TWO | {"kwargs": [{}]}, "instruction_id_list and kwargs are not two lists of one length"),
        (TWO | {"kwargs": [{}, {}]}, "instruction 'startend:end_checker': missing a required argument"),
        (TWO | {"instruction_id_list": ["x", "y"]}, "unknown instruction 'x'"),
    ],
)
def test_rows_that_do_not_fit_are_told(document: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        judged(document, "text")
    kind = METRICS[LEVELS[0], "generate_until"]
    assert kind.unfit is not None
    assert message in (kind.unfit(Item("id", "task", "id", document, ()), {}) or "")


@pytest.mark.skipif(not (DATA / "ifeval").is_dir(), reason="needs ../shared/data")
def test_every_row_of_the_data_can_be_judged() -> None:
    (task,) = find_tasks("ifeval", root=DATA).tasks
    items = build_items(task).items
    assert len(items) == 541 and labels_of([task]) == LEVELS
    pairs = [
        pair
        for item in items
        for pair in zip(item.document["instruction_id_list"], item.document["kwargs"], strict=True)
    ]
    assert len(pairs) == 834 and {mistake_in(name, given) for name, given in pairs} == {None}
    judge = judge_of(task)
    found = judge.judge(items[0], judge.answer([Written("*a*, *b* and *c*", "stop")]))
    assert found["inst_level_strict_acc"][1] == (1.0, 3.0)
