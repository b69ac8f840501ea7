"""Dots stand at their values with their intervals; a legend tells them apart."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from ontogeny.report.canvas import Svg
from ontogeny.report.dots import Dot, DotRow, dot_chart
from ontogeny.report.shapes import WIDTH

ROWS = [
    DotRow("hellaswag", [Dot(0.4, 0.35, 0.45), Dot(0.3, 0.25, 0.35)], mark=0.25),
    DotRow("pi<qa", [Dot(0.6, 0.5, 0.7), None], mark=0.5),
]


def dots(svg: Svg) -> list[tuple[float, float]]:
    """Of the rows, without the legend's."""
    found = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    return [(float(x), float(y)) for x, y in found if float(y) > 20]


def test_every_measured_value_has_a_dot_and_an_interval() -> None:
    svg = dot_chart(ROWS, x_label="accuracy", series=["tutor", "base"], mark_label="chance", percent=True)
    ElementTree.fromstring(svg)
    drawn = dots(svg)
    assert len(drawn) == 3
    (first, y), (second, below), (third, _) = drawn
    assert below > y and second < first < third
    assert third - first == pytest.approx(2 * (first - second), abs=0.3), "values are to scale"
    for text in ("hellaswag", "pi&lt;qa", "tutor", "base", "chance", "accuracy (%)"):
        assert f">{text}<" in svg


def test_one_series_without_marks_needs_no_legend() -> None:
    svg = dot_chart([DotRow("a", [Dot(1.0)]), DotRow("b", [Dot(2.0)])], x_label="x", series=["only"])
    assert "only" not in svg
    assert svg.count("<circle") == 2


def test_a_chart_around_zero_colours_by_meaning() -> None:
    rows = [DotRow("a", [Dot(0.1, 0.05, 0.15, tone="good")]), DotRow("b", [Dot(-0.1, tone="bad")])]
    svg = dot_chart(rows, x_label="better by", zero_label="no difference", percent=True)
    assert "no difference" in svg and "var(--good" in svg and "var(--bad" in svg
    assert "−10" in svg


def test_shares_end_at_nought_and_at_one() -> None:
    svg = dot_chart([DotRow("a", [Dot(0.0, 0.0, 0.1), Dot(1.0, 0.9, 1.0)])], x_label="x", percent=True)
    said = re.findall(r">(−?\d+)</text>", svg)
    assert said[0] == "0" and said[-1] == "100"


def test_long_names_are_shortened_and_nothing_is_a_chart() -> None:
    svg = dot_chart([DotRow("x" * 300, [Dot(0.5)])], x_label="x")
    assert "…" in svg and all(x < WIDTH for x, _ in dots(svg))
    assert "nothing to draw" in dot_chart([], x_label="x")
