"""Comparisons in words: never a bare difference."""

from __future__ import annotations

from typing import Any

import pytest

from ontogeny.evaluate.scores import Comparison
from ontogeny.evaluate.told import least_told, told

ROW = Comparison(
    task="t", metric="acc", model_a="a", model_b="b", form_a=None, form_b=None, a=0.44, b=0.4, difference=0.04,
    ci95=(-0.02, 0.1), p_value=0.2, test="mcnemar-mid-p", detectable=0.06, n=200, groups=200, p_adjusted=0.2,
    verdict="undecided",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "undecided: these 200 items could only have told a difference of ±6.0 points"),
        (
            {"verdict": "better", "p_value": 0.001, "p_adjusted": 0.003},
            "better: +4.0 points, p = 0.0030",
        ),
        (
            {"verdict": "worse", "metric": "bits_per_byte", "difference": 0.031, "p_adjusted": 0.00001},
            "worse: +0.031, p < 0.0001",
        ),
        (
            {"metric": "bits_per_byte", "detectable": 0.012, "n": 1200},
            "undecided: these 1,200 items could only have told a difference of ±0.012",
        ),
        (
            {"p_value": 0.03, "p_adjusted": 0.09},
            "undecided: +4.0 points on these 200 items has p = 0.030 alone, and p = 0.090 (Holm) among all tests",
        ),
        (
            {"detectable": None, "difference": 0.0, "p_value": 1.0},
            "undecided: both do the same on these 200 items",
        ),
        (
            {"detectable": None, "difference": 1.0, "n": 4, "groups": 4},
            "undecided: with fewer than 5 items no difference can be told, and there are 4",
        ),
        (
            {
                "test": "swap",
                "difference": 0.002,
                "ci95": (-0.005, 0.007),
                "p_value": 0.0004,
                "p_adjusted": 0.002,
            },
            (
                "undecided: the models differ (p = 0.0004), but whether this value does cannot be told: "
                "+0.2 points on these 200 items, [\N{MINUS SIGN}0.5, 0.7]"
            ),
        ),
        (
            {"test": "sign-flip", "groups": 5},
            "undecided: these 200 items come in 5 groups, and with fewer than 6 no difference can be told",
        ),
        (
            {"groups": 1, "n": 1, "detectable": None},
            "undecided: a single group of items can tell no difference",
        ),
    ],
)
def test_what_is_said(changes: dict[str, Any], said: str) -> None:
    assert told(ROW.model_copy(update=changes)) == said


def test_what_no_test_could_find_is_not_stated() -> None:
    assert least_told(ROW) == 0.06
    assert least_told(ROW.model_copy(update={"test": "swap", "groups": 5})) is None
    assert least_told(ROW.model_copy(update={"detectable": None})) is None
