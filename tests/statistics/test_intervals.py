"""Intervals: against scipy, at the edges, and how often they cover the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ontogeny.statistics.intervals import around, around_positive, around_share, mean_interval, wilson


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (5, 5), (1, 3), (61, 100), (1, 4000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson_is_scipys(successes: int, trials: int, confidence: float) -> None:
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert wilson(successes, trials, confidence=confidence) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )


def test_wilson_never_leaves_zero_to_one() -> None:
    assert wilson(0, 7).low == 0.0
    assert wilson(7, 7).high == 1.0


def test_wilson_takes_an_effective_number_of_trials() -> None:
    narrow, wide = wilson(61, 100), wilson(6.1, 10)
    assert wide.low < narrow.low < 0.61 < narrow.high < wide.high


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (-1, 3), (4, 3)])
def test_wilson_refuses_what_is_no_proportion(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match=f"{successes} successes in {trials} trials is no proportion"):
        wilson(successes, trials)


def test_wilson_covers_a_small_proportion() -> None:
    generator = np.random.default_rng(1)
    truth, trials = 0.1, 40
    intervals = [wilson(int(found), trials) for found in generator.binomial(trials, truth, 2_000)]
    covered = np.mean([low <= truth <= high for low, high in intervals])
    assert 0.93 < covered < 0.98


def test_the_mean_interval_is_students() -> None:
    values = [2.0, 3.5, 1.0, 4.0, 4.5]
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert mean_interval(values) == pytest.approx(expected)


def test_the_normal_interval_is_196_errors_wide() -> None:
    assert around(3.0, 2.0) == pytest.approx((3 - 1.959964 * 2, 3 + 1.959964 * 2), abs=1e-5)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.98])
def test_the_interval_of_a_share_stays_between_its_ends(share: float) -> None:
    few, many = (around_share(share, 0.01, groups=groups) for groups in (3, 300))
    assert 0 < few.low < many.low < share < many.high < few.high < 1


def test_of_many_groups_it_is_the_usual_one() -> None:
    assert around_share(0.4, 0.01, groups=1000) == pytest.approx(around(0.4, 0.01, degrees=999), abs=1e-3)


def test_groups_that_agree_are_as_many_trials() -> None:
    assert around_share(1.0, 0.0, groups=3) == wilson(3, 3, degrees=2)
    assert around_share(1.0, 0.0, groups=3).low < wilson(3, 3).low < around_share(1.0, 0.0, groups=300).low


def test_the_interval_of_a_perplexity_is_that_of_its_logarithm() -> None:
    low, high = around_positive(8.0, 0.8, degrees=9)
    assert (math.log(low), math.log(high)) == pytest.approx(around(math.log(8.0), 0.1, degrees=9))
