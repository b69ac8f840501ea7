"""Bins and the expected calibration error."""

import numpy as np
import pytest

from ontogeny.statistics.calibration import BINS, calibration_error, reliability


def test_calibration_error_is_zero_where_frequencies_match() -> None:
    chance = np.repeat([0.25, 0.75], 400)
    wanted = np.concatenate(
        [np.tile([True, False, False, False], 100), np.tile([False, True, True, True], 100)]
    )
    bins = reliability(chance, wanted)
    assert [each.count for each in bins] == [400, 400]
    assert calibration_error(bins) == pytest.approx(0)
    assert calibration_error(reliability(np.full(10, 1.0), np.zeros(10, bool))) == 1


def test_calibration_error_is_that_of_a_loop_over_bins() -> None:
    rng = np.random.default_rng(0)
    chance, wanted = rng.random(500), rng.random(500) < 0.5
    error = 0.0
    for k in range(BINS):
        inside = (chance >= k / BINS) & (chance < (k + 1) / BINS)
        if inside.any():
            error += inside.sum() / 500 * abs(chance[inside].mean() - wanted[inside].mean())
    assert calibration_error(reliability(chance, wanted)) == pytest.approx(error)


def test_nothing_has_no_error() -> None:
    assert calibration_error(()) == 0.0
