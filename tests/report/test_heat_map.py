"""The heat map holds the counts it was given."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from ontogeny.report.heat_map import heat_map


def test_cells_say_what_was_taken_for_what() -> None:
    svg = heat_map([[90, 10], [0, 1200]], ["h<am", "spam"], row_title="true", column_title="said")
    ElementTree.fromstring(svg)
    assert "h&lt;am as h&lt;am: 90 (90.0%)" in svg
    assert "h&lt;am as spam: 10 (10.0%)" in svg
    assert "spam as h&lt;am: 0 (0.0%)" in svg
    assert ">1,200</text>" in svg and ">0</text>" not in svg


def test_shades_are_shares_of_rows() -> None:
    svg = heat_map([[2, 0], [500, 500]], ["a", "b"], row_title="true", column_title="said")
    shades = [float(shade) for shade in re.findall(r'fill-opacity="([\d.]+)"', svg)]
    assert shades == pytest.approx([0.92, 0.35, 0.51, 0.51])


@pytest.mark.parametrize("size", [0, 1, 40])
def test_any_size_is_a_chart(size: int) -> None:
    counts = [[row * column for column in range(size)] for row in range(size)]
    names = [f"a class with a long name, number {number}" for number in range(size)]
    svg = heat_map(counts, names, row_title="true", column_title="said")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert svg.count(" as a class with a long name, number") == size * size


def test_small_cells_hold_no_numbers() -> None:
    counts = [[7] * 40 for _ in range(40)]
    svg = heat_map(counts, [str(number) for number in range(100, 140)], row_title="t", column_title="s")
    assert ">7</text>" not in svg
