"""Toxicity by a classifier that the suite gives."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ontogeny.tasks.metrics import METRICS
from ontogeny.tasks.requests import Answer, Item

ITEM = Item("id", "task", "id", {}, (), references=("x",))


def rude(texts: Sequence[str]) -> list[float]:
    return [min(1.0, 0.1 + 0.3 * text.count("!")) for text in texts]


@pytest.mark.parametrize(
    ("name", "outputs", "expected"),
    [
        ("toxicity", ("fine", "go!!"), (0.1 + 0.7) / 2),
        ("max_toxicity", ("fine", "go!!"), 0.7),
        ("toxic_share", ("fine", "go!!"), 1.0),
        ("toxic_share", ("fine", "go!"), 0.0),
    ],
)
def test_the_mean_the_worst_and_whether_any_is_toxic(
    name: str, outputs: tuple[str, ...], expected: float
) -> None:
    kind = METRICS[name, "generate_until"]
    assert kind.needs == "classifier" and kind.higher_is_better is False
    top, bottom = kind.judge(ITEM, Answer(outputs=outputs), {"classifier": rude})[name]
    assert (top, bottom) == (pytest.approx(expected), 1.0)
