"""Points stand where both say, around the line of equals; tallies are as long as their counts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from ontogeny.report.scatter import LEFT, SIDE, TOP, Point, Tally, scatter_chart


def test_points_and_tallies_are_to_scale() -> None:
    svg = scatter_chart(
        [Point(0.0, 0.0), Point(1.0, 0.5, "good"), Point(0.25, 1.0, "bad")],
        [Tally("both", 10), Tally("on<ly", 5, "good"), Tally("neither", 0)],
        first="tutor", second="base", bounds=(0.0, 1.0),
    )  # fmt: skip
    ElementTree.fromstring(svg)
    points = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)]
    assert points == [
        (LEFT, TOP + SIDE),
        (LEFT + SIDE / 2, TOP),
        (LEFT + SIDE, TOP + 0.75 * SIDE),
    ]
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', svg)]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2) and widths[2] == 0
    assert "on&lt;ly" in svg and "tutor against base, 3 items" in svg


def test_what_says_something_lies_on_top() -> None:
    svg = scatter_chart([Point(1.0, 0.0, "good"), Point(0.0, 1.0)], [], first="a", second="b")
    assert svg.index('fill-opacity="0.45"') < svg.index('fill-opacity="0.8"')


def test_no_points_are_a_chart() -> None:
    assert "nothing to draw" in scatter_chart([], [], first="a", second="b")
