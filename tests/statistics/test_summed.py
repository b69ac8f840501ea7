"""Resampling of statistics of sums, against the formulas there are for ratios, and obvious loops."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from ontogeny.statistics.errors import ratio_standard_error
from ontogeny.statistics.paired import sign_flip_test
from ontogeny.statistics.summed import bootstrap_statistic, resampled_error, summed_by_group, swap_test

Floats = npt.NDArray[np.float64]


def ratio(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1])


@pytest.fixture
def rows() -> tuple[list[list[float]], list[int]]:
    generator = np.random.default_rng(5)
    groups = [int(place) for place in generator.integers(0, 60, 200)]
    return [[float(generator.random() < 0.5 + 0.004 * group), 1.0] for group in groups], groups


def test_sums_by_group(rows: tuple[list[list[float]], list[int]]) -> None:
    values, groups = rows
    sums = summed_by_group(values, groups)
    for place, group in enumerate(dict.fromkeys(groups)):
        own = [value for value, other in zip(values, groups, strict=True) if other == group]
        assert sums[place].tolist() == [sum(row[0] for row in own), len(own)]


def test_the_error_of_a_ratio_is_that_of_the_formula(rows: tuple[list[list[float]], list[int]]) -> None:
    values, groups = rows
    drawn = bootstrap_statistic(summed_by_group(values, groups), ratio, seed=1)
    tops, bottoms = zip(*values, strict=True)
    wanted = ratio_standard_error(tops, bottoms, groups)
    assert resampled_error(drawn, len(set(groups))) == pytest.approx(wanted, rel=0.05)
    assert resampled_error(np.array([np.nan, np.nan]), 5) == 0.0


def test_models_are_resampled_together(rows: tuple[list[list[float]], list[int]]) -> None:
    sums = summed_by_group(*rows)
    both = bootstrap_statistic(np.stack([sums, sums]), ratio, seed=1, resamples=300)
    assert both.shape == (300, 2) and (both[:, 0] == both[:, 1]).all()
    assert (both[:, 0] == bootstrap_statistic(sums, ratio, seed=1, resamples=300)).all()


def test_swapping_groups_is_flipping_signs(rows: tuple[list[list[float]], list[int]]) -> None:
    values, groups = rows
    generator = np.random.default_rng(2)
    others = [[float(generator.random() < 0.5), 1.0] for _ in values]
    a, b = summed_by_group(values, groups), summed_by_group(others, groups)
    differences = [one[0] - other[0] for one, other in zip(values, others, strict=True)]
    wanted = sign_flip_test(differences, groups, seed=3)
    assert swap_test(a, b, ratio, seed=3) == pytest.approx(wanted, abs=0.02)


def test_every_swap_of_few_groups_is_about_as_likely_as_drawn() -> None:
    a = np.array([[3.0, 4.0], [2.0, 5.0], [4.0, 4.0]])
    b = np.array([[1.0, 4.0], [2.0, 5.0], [3.0, 4.0]])
    observed = abs(ratio(a.sum(0)) - ratio(b.sum(0)))
    extreme = 0
    for swaps in itertools.product((False, True), repeat=3):
        first = sum(other if swap else one for one, other, swap in zip(a, b, swaps, strict=True))
        second = sum(one if swap else other for one, other, swap in zip(a, b, swaps, strict=True))
        extreme += abs(ratio(np.asarray(first)) - ratio(np.asarray(second))) >= observed - 1e-12
    assert swap_test(a, b, ratio, seed=1) == pytest.approx(extreme / 8, abs=0.02)


def test_equal_models_cannot_be_told_apart(rows: tuple[list[list[float]], list[int]]) -> None:
    sums = summed_by_group(*rows)
    assert swap_test(sums, sums, ratio, seed=1, resamples=100) == 1.0
