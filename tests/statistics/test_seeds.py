"""Means over several trainings: their error against formulas, and how often their intervals hold the truth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from ontogeny.statistics.intervals import around
from ontogeny.statistics.paired import minimum_detectable_effect
from ontogeny.statistics.seeds import TwoWay, spread_of_seeds, t_test, two_way_error

ITEMS, TRIALS = 150, 3_000
Floats = npt.NDArray[np.float64]


def noise_of(scores: Floats) -> Floats:
    """(S, S) from the scores (S, N) of independent items."""
    residuals = (scores - scores.mean(1, keepdims=True)) / scores.shape[1]
    return scores.shape[1] / (scores.shape[1] - 1) * residuals @ residuals.T


def trainings(generator: np.random.Generator, items: Floats, count: int, seeds: float) -> Floats:
    """(S, N) scores: what items are worth, what each training is, and what each makes of each item."""
    return items + generator.normal(0, seeds, (count, 1)) + generator.normal(0, 0.3, (count, len(items)))


@pytest.mark.parametrize(
    ("count", "seeds", "low", "high"),
    [
        (2, 0.1, 0.86, 0.92),
        (3, 0.1, 0.89, 0.95),
        (5, 0.1, 0.92, 0.97),
        (8, 0.1, 0.93, 0.97),
        (8, 0.03, 0.93, 0.97),
        (5, 0.0, 0.94, 0.98),
    ],
)
def test_intervals_hold_the_truth_as_often_as_is_said(
    count: int, seeds: float, low: float, high: float
) -> None:
    generator = np.random.default_rng(count)
    held = 0
    for _ in range(TRIALS):
        scores = trainings(generator, generator.normal(0, 0.3, ITEMS), count, seeds)
        means = scores.mean(1)
        error = two_way_error(noise_of(scores), [means.tolist()], ITEMS)
        bounds = around(float(means.mean()), error.error, degrees=error.degrees)
        held += bounds.low <= 0 <= bounds.high
    assert low <= held / TRIALS <= high


def test_recipes_that_are_alike_are_seldom_told_apart() -> None:
    generator = np.random.default_rng(5)
    wrong = 0
    for _ in range(TRIALS):
        items = generator.normal(0, 0.3, ITEMS)
        scores = np.concatenate([trainings(generator, items, 5, 0.05) for _ in range(2)])
        means = scores.mean(1).tolist()
        error = two_way_error(noise_of(scores), [means[:5], means[5:]], ITEMS)
        wrong += t_test(float(np.mean(means[:5]) - np.mean(means[5:])), error) < 0.05
    assert wrong / TRIALS < 0.06


def test_without_noise_of_items_it_is_welchs_test() -> None:
    a, b = [0.52, 0.55, 0.49], [0.47, 0.46, 0.43, 0.44]
    error = two_way_error(np.zeros((7, 7)), [a, b], 100)
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert error.degrees == pytest.approx(welch.df)
    assert t_test(np.mean(a) - np.mean(b), error) == pytest.approx(welch.pvalue)


def test_a_single_training_has_the_noise_of_its_items_alone() -> None:
    error = two_way_error(np.array([[0.04]]), [[0.5]], 31)
    assert error == pytest.approx(TwoWay(0.2, 30.0))
    pair = two_way_error(np.array([[0.04, 0.03], [0.03, 0.04]]), [[0.5], [0.6]], 31)
    assert pair.error == pytest.approx(0.02**0.5)


def test_trainings_that_came_out_alike_say_no_more_than_one() -> None:
    noise = np.full((4, 4), 0.01)
    assert two_way_error(noise, [[0.4] * 4], 50) == pytest.approx(two_way_error(noise[:1, :1], [[0.4]], 50))


def test_no_noise_at_all() -> None:
    nothing = two_way_error(np.zeros((2, 2)), [[0.5], [0.5]], 10)
    assert nothing == TwoWay(0.0, 9.0)
    assert (t_test(0.0, nothing), t_test(0.1, nothing)) == (1.0, 0.0)


def test_what_can_be_detected_is_detected_four_times_of_five() -> None:
    generator = np.random.default_rng(8)
    error = TwoWay(0.02, 6.0)
    truth = minimum_detectable_effect(error.error, degrees=error.degrees)
    found = 0
    for _ in range(TRIALS):
        spread = 0.02 * np.sqrt(generator.chisquare(6) / 6)
        found += t_test(truth + generator.normal(0, 0.02), TwoWay(float(spread), 6.0)) < 0.05
    assert found / TRIALS == pytest.approx(0.8, abs=0.03)


def test_the_spread_is_the_standard_deviation() -> None:
    assert spread_of_seeds([0.1, 0.4, 0.4]) == pytest.approx(np.std([0.1, 0.4, 0.4], ddof=1))
    assert spread_of_seeds([0.1]) is None
