"""What more data would give."""

import pytest

from ontogeny.statistics.learning_curve import Measured, extrapolate


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
