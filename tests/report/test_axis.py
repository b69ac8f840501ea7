"""Values lie where they belong, and ticks are round."""

from __future__ import annotations

import math

import pytest

from ontogeny.report.axis import Axis


def test_ends_lie_at_the_ends() -> None:
    axis = Axis.over([2.0, 6.0, math.nan, math.inf], left=100.0, right=300.0)
    assert (axis.at(2.0), axis.at(4.0), axis.at(6.0)) == (100.0, 200.0, 300.0)


def test_an_axis_may_go_upwards() -> None:
    assert Axis(0.0, 1.0, 300.0, 100.0).at(0.25) == 250.0


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0]])
def test_values_without_a_range_have_an_axis(values: list[float]) -> None:
    axis = Axis.over(values, left=0.0, right=10.0)
    assert axis.high > axis.low


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.03, 0.08), (0.412, 0.431), (5.0, 4200.0)])
def test_ticks_are_round_and_within(low: float, high: float) -> None:
    ticks = Axis(low, high, 0.0, 100.0).ticks()
    assert 3 <= len(ticks) <= 8
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
    step = ticks[1] - ticks[0]
    assert f"{step:.0e}"[0] in "1235"
    assert all(tick / step == pytest.approx(round(tick / step)) for tick in ticks)
