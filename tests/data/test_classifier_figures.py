import math

import numpy as np
import pytest

from ontogeny.data.classifier_figures import (
    auc,
    fit_scaling,
    measure,
    probability,
)


def test_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    scores, wanted = rng.integers(0, 5, 40).astype(float), rng.random(40) < 0.4
    pairs = [(a > b) + (a == b) / 2 for a in scores[wanted] for b in scores[~wanted]]
    assert auc(scores, wanted) == pytest.approx(np.mean(pairs))
    assert math.isnan(auc(scores, np.ones(40, bool)))


def test_probability_does_not_overflow() -> None:
    assert probability(np.array([-1e4, 0.0, 1e4])).tolist() == [0, 0.5, 1]


def test_scaling_finds_the_slope_and_offset_that_were_lost() -> None:
    rng = np.random.default_rng(1)
    true = rng.normal(0.5, 2, 20_000)
    wanted = rng.random(20_000) < probability(true)
    scale, offset = fit_scaling(3 * true - 1, wanted)
    assert scale == pytest.approx(1 / 3, abs=0.02) and offset == pytest.approx(1 / 3, abs=0.06)


def test_scaling_stays_finite_where_classes_separate() -> None:
    raw = np.concatenate([np.full(50, -4.0), np.full(50, 4.0)])
    scale, offset = fit_scaling(raw, raw > 0)
    assert math.isfinite(scale) and math.isfinite(offset) and 0 < scale < 10


def test_figures_add_up() -> None:
    raw, wanted = np.array([-2.0, -1.0, 1.0, 2.0, 3.0]), np.array([False, True, True, True, True])
    figures = measure(raw, raw, wanted)
    assert (figures.examples, figures.wanted, figures.accuracy, figures.auc) == (5, 4, 0.8, 1.0)
    assert figures.accuracy_interval[0] < 0.8 < figures.accuracy_interval[1]
    assert figures.calibration_error == figures.raw_calibration_error
    assert sum(each.count for each in figures.reliability) == 5
