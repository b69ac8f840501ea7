"""Calibration of choices, against the project's own bins."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from ontogeny.statistics.calibration import calibration_error, reliability
from ontogeny.tasks.metrics import METRICS, STATISTICS
from ontogeny.tasks.requests import Answer, Item, Scored


def rows(name: str, chances: list[float], gold: list[int]) -> np.ndarray:
    kind = METRICS[name, "multiple_choice"]
    made = []
    for chance, right in zip(chances, gold, strict=True):
        item = Item("id", "task", "id", {}, (), ("a", "b"), (right,))
        scored = tuple(Scored(math.log(share) - 3, False, 1) for share in (chance, 1 - chance))
        made.append(kind.judge(item, Answer(scored), {})[name])
    return np.array(made)


def test_the_expected_calibration_error_is_that_of_the_bins() -> None:
    stream = random.Random(2)
    chances = [stream.uniform(0.01, 0.99) for _ in range(500)]
    gold = [int(stream.random() > chance**2) for chance in chances]
    sure = np.maximum(chances, 1 - np.array(chances))
    hits = (np.array(chances) < 0.5).astype(int) == np.array(gold)
    found = float(STATISTICS["ece"](rows("ece", chances, gold).sum(0)))
    assert found == pytest.approx(calibration_error(reliability(sure, hits)))
    summed = rows("confidence", chances, gold).sum(0)
    assert summed[0] / summed[1] == pytest.approx(sure.mean())


def test_a_model_that_is_sure_and_right_has_no_error() -> None:
    found = rows("ece", [1 - 1e-12] * 4, [0] * 4).sum(0)
    assert float(STATISTICS["ece"](found)) == pytest.approx(0.0, abs=1e-9)
    assert float(STATISTICS["ece"](rows("ece", [1 - 1e-12] * 4, [0, 0, 1, 1]).sum(0))) == pytest.approx(0.5)
