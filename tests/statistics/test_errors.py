"""Standard errors: the textbook's, the clustered one written out, and what simulation says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ontogeny.statistics.errors import group_sums, ratio_standard_error, standard_error


def test_independent_values_have_the_textbook_error() -> None:
    values = np.random.default_rng(0).normal(size=50)
    assert standard_error(values) == pytest.approx(stats.sem(values))
    assert standard_error(values, range(50)) == pytest.approx(stats.sem(values))


def test_clustered_error_written_out() -> None:
    values, groups = [1.0, 0.0, 1.0, 1.0, 0.0], ["a", "a", "b", "b", "c"]
    mean = 0.6
    cross = sum(
        (x - mean) * (y - mean)
        for x, group_x in zip(values, groups, strict=True)
        for y, group_y in zip(values, groups, strict=True)
        if group_x == group_y
    )
    assert standard_error(values, groups) == pytest.approx((3 / 2 * cross) ** 0.5 / 5)


def test_copies_of_an_item_add_nothing() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]
    tripled = [value for value in values for _ in range(3)]
    groups = [place for place in range(len(values)) for _ in range(3)]
    assert standard_error(tripled, groups) == pytest.approx(standard_error(values))
    assert standard_error(tripled) < 0.6 * standard_error(values)


def test_the_error_of_a_ratio_is_its_spread_over_samples() -> None:
    generator = np.random.default_rng(2)
    sizes = generator.integers(100, 3_000, (1_500, 60)).astype(float)
    bits = sizes * 2.1 + generator.normal(size=sizes.shape) * 300
    spread = np.std(bits.sum(axis=1) / sizes.sum(axis=1))
    estimated = np.mean([ratio_standard_error(top, bottom) for top, bottom in zip(bits, sizes, strict=True)])
    assert estimated == pytest.approx(spread, rel=0.08)


def test_that_chosen_parts_differ_is_no_error() -> None:
    generator = np.random.default_rng(3)
    easy, hard = generator.normal(9, 1, 40), generator.normal(-9, 2, 25)
    values, strata = [*easy, *hard], ["easy"] * 40 + ["hard"] * 25
    weights = [1 / 40] * 40 + [1 / 25] * 25
    tops = [value * weight for value, weight in zip(values, weights, strict=True)]
    stratified = ratio_standard_error(tops, weights, strata=strata)
    assert stratified == pytest.approx(np.hypot(stats.sem(easy), stats.sem(hard)) / 2)
    assert ratio_standard_error(tops, weights) > 5 * stratified
    assert ratio_standard_error([1.0, 2.0, 4.0], [1.0] * 3, strata=["a", "a", "b"]) == standard_error(
        [1.0, 2.0, 4.0]
    )


def test_an_item_in_two_parts_counts_as_one() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    twice = ratio_standard_error(values * 2, [1.0] * 10, [*range(5)] * 2, strata=["a"] * 5 + ["b"] * 5)
    assert twice == pytest.approx(standard_error(values))


def test_groups_are_summed_in_the_order_of_their_first_value() -> None:
    assert group_sums([1, 2, 3, 4], ["b", "a", "b", "a"]) == [4.0, 6.0]


def test_a_single_value_or_group_has_no_error() -> None:
    with pytest.raises(ValueError, match="at least two values"):
        standard_error([1.0])
    with pytest.raises(ValueError, match="at least two groups"):
        standard_error([1.0, 2.0], ["a", "a"])


def test_a_ratio_needs_something_to_divide_by() -> None:
    with pytest.raises(ValueError, match="the denominators sum to nothing"):
        ratio_standard_error([1.0, 2.0], [0.0, 0.0])
