"""What more data would give."""

import pytest

from ontogeny.statistics.learning_curve import Measured, MeasuredLoss, extrapolate, extrapolate_loss


def on_the_curve(a: float, b: float, c: float, *, tested: int) -> list[Measured]:
    return [Measured(n, round(tested * (a - b * n**-c)), tested) for n in (250, 500, 1000)]


def test_a_curve_is_found_again() -> None:
    growth = extrapolate(on_the_curve(0.95, 3.0, 0.5, tested=10**7), seed=1)
    expected = 3.0 * (1000**-0.5 - 2000**-0.5)
    assert growth.gain == pytest.approx(expected, abs=1e-3)
    assert growth.interval.low <= expected <= growth.interval.high
    assert growth.interval.high - growth.interval.low < 0.01
    assert growth.curve[-1][0] == pytest.approx(2000)
    assert growth.curve[-1][1] == pytest.approx(0.95 - 3.0 * 2000**-0.5, abs=1e-3)


def test_few_test_examples_have_wide_bounds() -> None:
    few = extrapolate(on_the_curve(0.95, 3.0, 0.5, tested=100), seed=1).interval
    many = extrapolate(on_the_curve(0.95, 3.0, 0.5, tested=10_000), seed=1).interval
    assert few.high - few.low > 2 * (many.high - many.low)


@pytest.mark.parametrize("rights", [(80, 80, 80), (90, 85, 80), (100, 100, 100), (0, 0, 0)])
def test_where_more_data_did_not_help_nothing_is_promised(rights: tuple[int, ...]) -> None:
    growth = extrapolate(
        [Measured(n, right, 100) for n, right in zip((1, 2, 4), rights, strict=True)], seed=1
    )
    assert growth.gain == pytest.approx(0, abs=1e-9)
    assert 0 <= growth.interval.low <= growth.interval.high <= 1


def test_accuracy_never_passes_one_and_never_falls() -> None:
    growth = extrapolate([Measured(10, 50, 100), Measured(20, 75, 100), Measured(40, 99, 100)], seed=1)
    accuracies = [accuracy for _, accuracy in growth.curve]
    assert max(accuracies) <= 1 and accuracies == sorted(accuracies)
    assert 0 <= growth.gain <= 1


def test_the_order_of_sizes_does_not_matter_and_the_seed_decides_the_bounds() -> None:
    measured = on_the_curve(0.95, 3.0, 0.5, tested=300)
    assert extrapolate(measured, seed=1) == extrapolate(measured[::-1], seed=1)
    assert extrapolate(measured, seed=1).interval != extrapolate(measured, seed=2).interval


def test_it_says_so_in_words() -> None:
    growth = extrapolate(on_the_curve(0.95, 3.0, 0.5, tested=300), seed=1)
    assert growth.words.startswith("Twice the data (2,000 examples) would give about +")
    assert "with 95% bounds of " in growth.words
    assert extrapolate(growth.measured, seed=1, factor=4).words.startswith(
        "4 times the data (4,000 examples)"
    )


def test_too_few_sizes_and_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 sizes, and there are 2"):
        extrapolate([Measured(1, 1, 2), Measured(2, 1, 2), Measured(2, 2, 2)], seed=1)
    with pytest.raises(ValueError, match="counts of right answers"):
        extrapolate([Measured(1, 3, 2), Measured(2, 1, 2), Measured(3, 2, 2)], seed=1)


def losses_on_the_curve(a: float, b: float, c: float, *, noise: float = 0.0) -> list[MeasuredLoss]:
    """Held-out examples of 10 tokens, each with a loss of its own that is as far from the mean at every size."""
    spread = [noise * (number % 7 - 3) for number in range(70)]
    return [
        MeasuredLoss(n, tuple(10 * (a + b * n**-c) + own for own in spread), (10,) * len(spread))
        for n in (250, 500, 1000)
    ]


def test_a_curve_of_losses_is_found_again() -> None:
    growth = extrapolate_loss(losses_on_the_curve(1.2, 30.0, 0.5), seed=1)
    now, more = (1.2 + 30.0 * n**-0.5 for n in (1000, 2000))
    assert growth.change == pytest.approx(more / now - 1, abs=2e-3)
    assert growth.measured[-1] == (1000, pytest.approx(now))
    assert growth.curve[-1] == (pytest.approx(2000), pytest.approx(more, rel=2e-3))
    assert growth.words.startswith(
        "Twice the data (2,000 examples) would change the held-out loss by about -"
    )


def test_losses_of_the_same_examples_rise_and_fall_together() -> None:
    growth = extrapolate_loss(losses_on_the_curve(1.2, 30.0, 0.5, noise=2.0), seed=1)
    assert growth.interval.low <= growth.change <= growth.interval.high < 0


def test_losses_that_do_not_fall_promise_nothing() -> None:
    measured = [MeasuredLoss(n, (float(n), 2.0), (1, 1)) for n in (1, 2, 4)]
    assert extrapolate_loss(measured, seed=1).change == pytest.approx(0, abs=1e-9)


def test_losses_of_other_examples_are_refused() -> None:
    measured = losses_on_the_curve(1.2, 30.0, 0.5)
    with pytest.raises(ValueError, match="the losses of the same examples at every size"):
        extrapolate_loss([*measured[:2], MeasuredLoss(1000, (1.0,), (1,))], seed=1)
    with pytest.raises(ValueError, match="at least 3 sizes"):
        extrapolate_loss(measured[:2], seed=1)
