"""Charts: what is asked for is there, and odd data does not stop a report."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest

from ontogeny.report import figures
from ontogeny.report.canvas import Svg
from ontogeny.report.figures import (
    Mark,
    Series,
    Stage,
    funnel,
    histogram,
    line_chart,
)

NAN = math.nan


def texts(svg: Svg) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_a_line_chart_names_its_series_axes_and_marks() -> None:
    svg = line_chart(
        [Series("training", [1, 2, 3], [3, 2, 1]), Series("held out", [1, 3], [3.1, 2], style="points")],
        x_label="step", y_label="loss", marks=[Mark("unigram", 2.5)],
    )  # fmt: skip
    assert {"training", "held out", "step", "loss", "unigram"} <= set(texts(svg))


def test_a_single_series_needs_no_legend() -> None:
    assert "training" not in texts(line_chart([Series("training", [1, 2], [1, 2])], x_label="x", y_label="y"))


@pytest.mark.parametrize("log", [False, True])
def test_values_that_cannot_be_drawn_are_left_out(log: bool) -> None:
    series = Series("loss", [0, 1, 2, 3, 4], [1.0, NAN, math.inf, -1.0, 2.0])
    assert "<path" in line_chart([series], x_label="x", y_label="y", log_x=log, log_y=log)


def test_charts_of_nothing_say_so() -> None:
    charts = [
        line_chart([], x_label="x", y_label="y"),
        line_chart([Series("loss", [1], [NAN])], x_label="x", y_label="y"),
        histogram([NAN], x_label="x"),
        histogram([0.0, -1.0], x_label="x", log_x=True),
        funnel([], unit="documents"),
        funnel([Stage("read", 0)], unit="documents"),
    ]
    assert all("nothing to draw" in texts(chart) for chart in charts)


def test_the_running_mean_is_a_mean_of_neighbours() -> None:
    assert figures._running_mean([1.0, 2.0, 6.0, 3.0], 3) == pytest.approx([1.5, 3.0, 11 / 3, 4.5])


def test_thinning_keeps_spikes_and_ends() -> None:
    y = [0.0] * 10_000
    y[5_003], y[7_000] = 9.0, -9.0
    x, thin = figures._thinned([float(i) for i in range(10_000)], y)
    assert len(thin) <= figures.MAX_POINTS + 2
    assert {0.0, 9_999.0, 5_003.0, 7_000.0} <= set(x)
    assert x == sorted(x)


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0, 3.0], [1.0, 10.0, 1e5]])
@pytest.mark.parametrize("log_x", [False, True])
def test_histograms_of_any_spread(values: list[float], log_x: bool) -> None:
    assert "<path" in histogram(values, x_label="bytes", log_x=log_x)


def test_a_funnel_tells_what_each_stage_took() -> None:
    svg = funnel([Stage("read", 1200), Stage("length", 1000), Stage("kept", 1000)], unit="documents")
    shown = texts(svg)
    assert {"1,200", "1,000"} <= set(shown)
    assert any("−200" in text for text in shown)


def test_ticks_are_told_apart() -> None:
    svg = line_chart([Series("loss", [5, 30], [5.35, 5.15])], x_label="step", y_label="nats")
    ticks = [text for text in texts(svg) if text.startswith("5.")]
    assert len(ticks) == len(set(ticks)) > 3
    assert all(float(tick) * 40 == pytest.approx(round(float(tick) * 40)) for tick in ticks), (
        "multiples of 0.025"
    )


def test_few_points_are_not_smoothed() -> None:
    few = Series("loss", range(12), range(12), smooth=9)
    assert line_chart([few], x_label="x", y_label="y") == line_chart(
        [Series("loss", range(12), range(12))], x_label="x", y_label="y"
    )
