"""Paired tests: against enumeration, against scipy, and how often they cry wolf."""

from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest
from scipy import stats

from ontogeny.statistics import paired
from ontogeny.statistics.paired import (
    bootstrap_ratio,
    mcnemar,
    mean_above,
    minimum_detectable_effect,
    paired_proportions,
    proportion_above,
    sign_flip_test,
)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 1), (3, 3), (2, 9), (15, 4), (0, 12)])
def test_mcnemar_is_the_binomial_test(only_a: int, only_b: int) -> None:
    n = only_a + only_b
    assert mcnemar(only_a, only_b).exact == pytest.approx(stats.binomtest(only_a, n).pvalue)
    chances = [comb(n, k) / 2**n for k in range(n + 1)]
    observed = chances[only_a]
    more_extreme = sum(chance for chance in chances if chance < observed)
    as_extreme = sum(chance for chance in chances if chance == observed)
    assert mcnemar(only_a, only_b).mid_p == pytest.approx(more_extreme + as_extreme / 2)


def test_mcnemar_without_discordant_items_sees_nothing() -> None:
    assert mcnemar(0, 0) == (1.0, 1.0)


def test_the_sign_flip_test_of_single_right_or_wrong_items_is_mcnemars() -> None:
    differences = [1.0] * 8 + [-1.0] * 3 + [0.0] * 20
    assert sign_flip_test(differences, seed=0) == pytest.approx(mcnemar(8, 3).exact)


def test_the_sign_flip_test_enumerated() -> None:
    differences = [0.4, -0.1, 0.7, 0.2, 0.3]
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((-1, 1), repeat=5)
    ]
    expected = sum(value >= abs(sum(differences)) - 1e-12 for value in sums) / 2**5
    assert sign_flip_test(differences, seed=0) == pytest.approx(expected)


def test_the_sign_flip_test_drawn_is_close_to_the_one_enumerated(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(3).normal(0.4, 1.0, 12)
    enumerated = sign_flip_test(differences, seed=0)
    monkeypatch.setattr(paired, "EXACT_GROUPS", 0)
    assert sign_flip_test(differences, seed=0) == pytest.approx(enumerated, abs=0.015)
    assert sign_flip_test(differences, seed=0) == sign_flip_test(differences, seed=0)


def test_groups_flip_together() -> None:
    differences = [1.0, 1.0, 1.0, 1.0]
    assert sign_flip_test(differences, ["a"] * 4, seed=0) == 1.0
    assert sign_flip_test(differences, seed=0) == pytest.approx(2 / 2**4)
    assert sign_flip_test([0.0, 0.0], seed=0) == 1.0


def test_alike_models_are_told_apart_as_often_as_promised() -> None:
    """Items of a group agree; a test that took them as independent would be wrong far more often than 5%."""
    generator = np.random.default_rng(4)
    groups = np.repeat(np.arange(15), 8)
    clustered, naive = 0, 0
    for trial in range(200):
        differences = np.repeat(generator.choice([-1.0, 0.0, 1.0], 15), 8)
        clustered += sign_flip_test(differences, groups.tolist(), seed=trial, resamples=500) < 0.05
        naive += mcnemar(int((differences > 0).sum()), int((differences < 0).sum())).mid_p < 0.05
    assert clustered <= 20
    assert naive > 60


def test_the_bootstrap_interval_agrees_with_scipys() -> None:
    generator = np.random.default_rng(5)
    bits, sizes = generator.normal(200, 40, 80), generator.uniform(50, 150, 80)
    expected = stats.bootstrap(
        (bits, sizes),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        method="percentile",
        rng=generator,
    ).confidence_interval
    assert bootstrap_ratio(bits, sizes, seed=1) == pytest.approx((expected.low, expected.high), abs=0.02)


def test_the_bootstrap_draws_whole_groups() -> None:
    values = [0.0] * 10 + [1.0] * 10 + [0.0, 1.0] * 5
    groups = ["a"] * 10 + ["b"] * 10 + ["c"] * 10
    ones = [1.0] * 30
    grouped = bootstrap_ratio(values, ones, groups, seed=0, resamples=2_000)
    single = bootstrap_ratio(values, ones, seed=0, resamples=2_000)
    assert grouped == (0.0, 1.0)
    assert 0.2 < single.low < single.high < 0.8


def test_the_bootstrap_needs_two_groups() -> None:
    with pytest.raises(ValueError, match="a bootstrap needs at least two groups"):
        bootstrap_ratio([1.0, 0.0], [1.0, 1.0], ["a", "a"], seed=0)


def test_the_detectable_effect_is_detected_four_times_of_five() -> None:
    effect = minimum_detectable_effect(1.0)
    assert effect == pytest.approx(1.959964 + 0.841621, abs=1e-5)
    drawn = np.random.default_rng(6).normal(effect, 1.0, 20_000)
    assert np.mean(np.abs(drawn) > 1.959964) == pytest.approx(0.8, abs=0.01)


def test_few_groups_detect_less() -> None:
    assert minimum_detectable_effect(1.0, degrees=4) > minimum_detectable_effect(1.0, degrees=400)
    assert minimum_detectable_effect(1.0, degrees=1e6) == pytest.approx(
        minimum_detectable_effect(1.0), abs=1e-4
    )


def test_a_proportion_above_chance_is_told_exactly() -> None:
    assert proportion_above(2, 2, 0.5) == pytest.approx(0.25)
    assert proportion_above(7, 8, 0.5) == pytest.approx(9 / 256)
    assert proportion_above(60, 120, 0.5) > 0.5
    assert proportion_above(2.4, 3.2, 0.5) == proportion_above(2, 3, 0.5), "against the proportion"


def test_a_mean_above_a_reference() -> None:
    assert mean_above(0.31, 0.25, 0.03, degrees=9) == pytest.approx(stats.t.sf(2.0, 9))
    assert mean_above(0.31, 0.25, 0.0, degrees=9) == 1.0


@pytest.mark.parametrize(("n", "only_a", "only_b"), [(30, 0.05, 0.1), (200, 0.02, 0.02), (500, 0.1, 0.05)])
def test_intervals_of_paired_shares_hold_the_truth(n: int, only_a: float, only_b: float) -> None:
    drawn = np.random.default_rng(4).multinomial(n, [only_a, only_b, 1 - only_a - only_b], 3_000)
    held = [
        bounds.low <= only_a - only_b <= bounds.high
        for a, b, _ in drawn.tolist()
        for bounds in [paired_proportions(a, b, n)]
    ]
    assert 0.94 <= np.mean(held) <= 0.985


def test_few_items_without_a_difference_leave_room_for_one() -> None:
    assert paired_proportions(0, 0, 5).low < -0.3
    assert paired_proportions(0, 0, 5_000).low > -0.001
    narrow, wide = paired_proportions(9, 4, 100, confidence=0.8), paired_proportions(9, 4, 100)
    assert wide.low < narrow.low < 0.05 < narrow.high < wide.high
