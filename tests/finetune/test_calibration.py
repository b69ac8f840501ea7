"""One temperature: it finds the one that logits were made with, and leaves alone what it cannot know."""

from __future__ import annotations

import numpy as np
import pytest

from ontogeny.finetune.calibration import (
    SPREAD,
    calibrated,
    fit_temperature,
    negative_log_likelihood,
    probabilities_of,
)
from ontogeny.model.head_kinds import HeadKind


def drawn(kind: HeadKind, *, examples: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, 3), and gold drawn from the probabilities that they give at a temperature of 1."""
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(examples, 3)) * 2
    chance = probabilities_of(logits, kind, 1.0)
    if kind == "multi-label":
        return logits, (generator.random(chance.shape) < chance).astype(np.int64)
    return logits, (generator.random((examples, 1)) > chance.cumsum(1)).sum(1)


@pytest.mark.parametrize("kind", ["single", "multi-label", "ordinal"])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_it_finds_the_temperature(kind: HeadKind, temperature: float) -> None:
    logits, gold = drawn(kind)
    assert fit_temperature(logits * temperature, gold, kind) == pytest.approx(temperature, rel=0.08)


@pytest.mark.parametrize("scale", [0.3, 1.0, 8.0])
@pytest.mark.parametrize("examples", [0, 3, 200])
def test_no_other_temperature_is_likelier(examples: int, scale: float) -> None:
    logits, gold = drawn("single", examples=examples)
    logits = logits * scale

    def cost(temperature: float) -> float:
        fit = negative_log_likelihood(logits, gold, "single", temperature) if examples else 0.0
        return examples * fit + (np.log(temperature) / SPREAD) ** 2 / 2

    found = cost(fit_temperature(logits, gold, "single"))
    assert all(cost(temperature) >= found - 1e-9 for temperature in np.geomspace(0.05, 20, 500))


def test_calibration_lowers_the_error_and_moves_no_label() -> None:
    logits, gold = drawn("single")
    before = calibrated(logits * 5, gold, "single", 1.0)
    temperature = fit_temperature(logits * 5, gold, "single")
    after = calibrated(logits * 5, gold, "single", temperature)
    assert after.expected_calibration_error < 0.03 < before.expected_calibration_error
    assert after.brier < before.brier
    assert after.negative_log_likelihood < before.negative_log_likelihood
    assert (probabilities_of(logits, "single", temperature).argmax(1) == logits.argmax(1)).all()


def test_few_examples_move_it_little_and_many_as_far_as_they_say() -> None:
    logits, gold = drawn("single", examples=4000)
    fitted = [fit_temperature(logits[:count] * 4, gold[:count], "single") for count in (0, 5, 50, 4000)]
    assert fitted[0] == pytest.approx(1.0)
    assert fitted[1] < 0.8 * fitted[3]
    assert fitted[3] == pytest.approx(4.0, rel=0.08)


def test_where_all_are_right_it_is_colder_by_no_more_than_the_prior_lets_it() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    assert 0.5 < fit_temperature(logits, np.array([0, 1]), "single") < 1.0
    assert 0.5 < fit_temperature(logits - 0.5, np.eye(2, dtype=np.int64), "multi-label") < 1.0
    assert 0.1 < fit_temperature(np.tile(logits, (500, 1)), np.tile([0, 1], 500), "single") < 0.5


def test_figures_are_those_of_the_definitions() -> None:
    logits, gold = np.log(np.array([[0.7, 0.3], [0.4, 0.6]])), np.array([0, 0])
    found = calibrated(logits, gold, "single", 1.0)
    assert found.negative_log_likelihood == pytest.approx(-(np.log(0.7) + np.log(0.4)) / 2)
    assert found.brier == pytest.approx((2 * 0.3**2 + 2 * 0.6**2) / 2)
    assert found.expected_calibration_error == pytest.approx((0.3 + 0.6) / 2)
    several = calibrated(np.log(np.array([[0.25, 4.0]])), np.array([[0, 1]]), "multi-label", 1.0)
    assert several.negative_log_likelihood == pytest.approx(-2 * np.log(0.8))
    assert several.brier == pytest.approx(2 * 0.2**2)
