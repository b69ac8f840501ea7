"""Intervals and tests as they are reported hold what they promise: simulations in which the truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from ontogeny.evaluate.scores import Comparison, Metric
from ontogeny.evaluate.uncertainty import compare, result

ITEMS, TRIALS = 200, 1_500


def metric(
    tops: npt.NDArray[np.float64],
    bottoms: npt.NDArray[np.float64] | None = None,
    groups: list[str] | None = None,
) -> Metric:
    """A metric of items of which each is a group of its own unless said otherwise."""
    items = tuple(map(str, range(len(tops))))
    return Metric(
        name="acc" if bottoms is None else "bits_per_byte",
        form=None,
        items=items,
        groups=tuple(groups or items),
        tops=tuple(tops.tolist()),
        bottoms=(1.0,) * len(tops) if bottoms is None else tuple(bottoms.tolist()),
    )


def right_or_wrong(generator: np.random.Generator) -> tuple[Metric, float]:
    return metric((generator.random(ITEMS) < 0.3).astype(float)), 0.3


def in_groups(generator: np.random.Generator) -> tuple[Metric, float]:
    """40 documents of 5 items, whose chance of being right is that of their document."""
    chances = np.repeat(generator.beta(2, 2, 40), 5)
    groups = [str(place // 5) for place in range(ITEMS)]
    return metric((generator.random(ITEMS) < chances).astype(float), groups=groups), 0.5


def bits_per_byte(generator: np.random.Generator) -> tuple[Metric, float]:
    """Documents of lengths between 100 and 3,000 bytes, each with a difficulty of its own."""
    sizes = generator.integers(100, 3_000, ITEMS).astype(float)
    return metric(sizes * generator.normal(2.1, 0.4, ITEMS), sizes), 2.1


def paired(a: Metric, b: Metric, seed: int) -> Comparison:
    return compare("task", a, b, model_a="a", model_b="b", label="acc", seed=seed)


@pytest.mark.parametrize("drawn", [right_or_wrong, in_groups, bits_per_byte])
def test_intervals_hold_the_truth(drawn: Callable[[np.random.Generator], tuple[Metric, float]]) -> None:
    generator = np.random.default_rng(11)
    held = 0
    for _ in range(TRIALS):
        measured, truth = drawn(generator)
        bounds = result("task", "model", measured, label="acc").ci95
        assert bounds is not None
        held += bounds[0] <= truth <= bounds[1]
    assert 0.93 <= held / TRIALS <= 0.97


def classes(generator: np.random.Generator, items: int) -> Metric:
    """Macro F1 of a classifier of two classes that is right in four of five cases, whatever the class."""
    right = generator.random(items) < 0.5
    chosen = right ^ (generator.random(items) < 0.2)
    rows = [
        tuple(map(float, (not (r or c), r and c, not r, r, not c, c)))
        for r, c in zip(right, chosen, strict=True)
    ]
    names = tuple(map(str, range(items)))
    return Metric(
        name="macro_f1", form=None, items=names, groups=names, tops=(), bottoms=(), statistic="macro_f1",
        summands=tuple(rows),
    )  # fmt: skip


@pytest.mark.parametrize("items", [20, 60, 200])
def test_intervals_of_statistics_of_sums_hold_the_truth(items: int) -> None:
    generator = np.random.default_rng(14)
    held = 0
    for _ in range(300):  # each draws 10,000 samples of its own
        bounds = result("task", "model", classes(generator, items), label="macro_f1").ci95
        assert bounds is not None
        held += bounds[0] <= 0.8 <= bounds[1]
    assert 0.92 <= held / 300 <= 0.99


@pytest.mark.parametrize("count", [3, 5, 10])
def test_few_groups_make_wide_intervals(count: int) -> None:
    """Of right answers in documents of 5 items, of bits per byte, and of the difference of two models in either."""
    generator = np.random.default_rng(count)
    groups = [str(place // 5) for place in range(5 * count)]
    held = np.zeros(4)
    for trial in range(TRIALS):
        difficulty = generator.normal(0, 0.15, count).repeat(5)
        right = [
            metric((generator.random(5 * count) < share + difficulty).astype(float), groups=groups)
            for share in (0.55, 0.5)
        ]
        sizes = generator.integers(500, 1_500, 5 * count).astype(float)
        noise = [2.0 + difficulty + generator.normal(0, 0.1, 5 * count) for _ in range(2)]
        bits = [
            metric(sizes * (each + extra), sizes, groups)
            for each, extra in zip(noise, (0.05, 0), strict=True)
        ]
        intervals = [
            (result("t", "m", right[0], label="acc").ci95, 0.55),
            (result("t", "m", bits[0], label="bits_per_byte").ci95, 2.05),
            (paired(right[0], right[1], trial).ci95, 0.05),
            (paired(bits[0], bits[1], trial).ci95, 0.05),
        ]
        held += [bounds is not None and bounds[0] <= truth <= bounds[1] for bounds, truth in intervals]
    assert (held / TRIALS >= 0.92).all(), held / TRIALS
    assert (held[1:] / TRIALS <= 0.98).all(), "of shares they may be wider"


def test_items_of_a_document_taken_as_independent_would_hold_it_too_seldom() -> None:
    generator = np.random.default_rng(12)
    held = 0
    for _ in range(TRIALS):
        measured, truth = in_groups(generator)
        bounds = result(
            "task", "model", measured.model_copy(update={"groups": measured.items}), label="acc"
        ).ci95
        assert bounds is not None
        held += bounds[0] <= truth <= bounds[1]
    assert held / TRIALS < 0.92


def test_the_interval_of_a_difference_holds_the_truth() -> None:
    """Two models that share most of their mistakes; a is right 5 points more often."""
    generator = np.random.default_rng(13)
    held = 0
    for trial in range(200):  # each draws 10,000 samples of its own
        shared = generator.random(ITEMS)
        a = (shared < 0.6) ^ (generator.random(ITEMS) < 0.1)
        b = (shared < 0.55) ^ (generator.random(ITEMS) < 0.1)
        truth = (0.6 - 0.55) * (1 - 2 * 0.1)
        bounds = paired(metric(a.astype(float)), metric(b.astype(float)), trial).ci95
        assert bounds is not None
        held += bounds[0] <= truth <= bounds[1]
    assert 0.92 <= held / 200 <= 0.98


@pytest.mark.parametrize("items", [200, 500])
def test_alike_models_are_called_different_one_time_in_twenty(items: int) -> None:
    """McNemar's mid-p as `compare` decides by it: 10,000 pairs of models that are equally good."""
    from ontogeny.statistics.paired import mcnemar

    generator = np.random.default_rng(items)
    discordant = generator.binomial(items, 0.3, 10_000)
    only_a = generator.binomial(discordant, 0.5)
    false = sum(
        mcnemar(int(a), int(d - a)).mid_p < 0.05
        for a, d in zip(only_a.tolist(), discordant.tolist(), strict=True)
    )
    assert 0.04 <= false / 10_000 <= 0.06
