"""Bars drawn by hand: names, values, intervals and marks are there, at the places that the axis gives them."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from ontogeny.report.bars import Bar, Mark, bar_chart
from ontogeny.report.canvas import Svg
from ontogeny.report.shapes import WIDTH, text_width

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: Svg) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def widths(svg: Svg) -> list[float]:
    return [float(element.attrib["width"]) for element in ET.fromstring(svg).iter(f"{SVG}rect")]


def test_bars_show_value_interval_and_chance() -> None:
    svg = bar_chart(
        [Bar("tutor", 0.612, 0.564, 0.658), Bar("base", 0.3, faint=True)],
        x_label="accuracy", marks=[Mark("chance", 0.25)], percent=True,
    )  # fmt: skip
    assert {"tutor", "61.2%", "30.0%", "chance 25.0%", "accuracy (%)"} <= set(texts(svg))
    assert svg.count('fill-opacity="0.45"') == 1


def test_bars_are_as_long_as_their_values() -> None:
    whole, half, none = widths(bar_chart([Bar("a", 2), Bar("b", 1), Bar("c", 0)], x_label="x"))
    assert whole == pytest.approx(2 * half, abs=0.2)
    assert none == 0


def test_negative_bars_are_drawn_left_of_zero() -> None:
    svg = bar_chart([Bar("a", -0.5), Bar("b", 0.5)], x_label="change")
    assert "−0.500" in texts(svg)
    left, right = (float(element.attrib["x"]) for element in ET.fromstring(svg).iter(f"{SVG}rect"))
    assert left + widths(svg)[0] == pytest.approx(right, abs=0.2)


@pytest.mark.parametrize("most", [1e-7, 0.03, 0.7, 1.0, 37.0, 4.2e9])
def test_ticks_are_a_few_and_told_apart(most: float) -> None:
    labels = texts(bar_chart([Bar("a", most)], x_label="x"))[:-3]
    assert 3 <= len(labels) <= 8
    assert len(set(labels)) == len(labels)


def test_nothing_and_zero_can_be_drawn() -> None:
    assert "nothing to draw" in texts(bar_chart([], x_label="x"))
    assert "0" in texts(bar_chart([Bar("a", 0.0)], x_label="x", marks=[Mark("none", 0.0)]))


def test_a_value_that_is_not_finite_stops_no_report() -> None:
    svg = bar_chart([Bar("a", math.nan), Bar("b", 1.0)], x_label="x")
    assert not re.search(r'"[^"]*nan[^"]*"', svg.split("</title>")[1])


def test_markup_in_names_stays_text() -> None:
    assert "<b>&" in texts(bar_chart([Bar("<b>&", 1.0)], x_label="<i>"))


def test_nothing_is_drawn_outside() -> None:
    names = ["unknown", "wwwww.mmmmm.org", "1776", "漢字の名前", "W" * 80, "i"]
    svg = bar_chart(
        [Bar(name, 1_234_567.0 * (row + 1), low=0, high=1e7) for row, name in enumerate(names)],
        x_label="x", marks=[Mark("the most that there can be", 1e7), Mark("the least of them all", 0.0)],
    )  # fmt: skip
    for element in ET.fromstring(svg).iter(f"{SVG}text"):
        x, width = (
            float(element.attrib["x"]),
            text_width(element.text or "", float(element.attrib["font-size"])),
        )
        left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[element.attrib["text-anchor"]]
        assert left > -0.1 and left + width < WIDTH + 0.1
