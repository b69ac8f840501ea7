"""The shapes of charts that are drawn by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from ontogeny.report.shapes import drawing, line, rect, shortened, text


def test_a_drawing_is_one_svg_with_a_title() -> None:
    parts = [rect(0, 0, 1, 1, "red", 0.5), line("M0 0H1", "red", 1.0, "4 3"), text(0, 0, "said")]
    root = ET.fromstring(drawing(parts, 20, "a < b"))
    assert root.attrib["aria-label"] == "a < b"
    assert [element.tag.rpartition("}")[2] for element in root] == ["title", "rect", "path", "text"]


def test_a_box_is_never_of_negative_width() -> None:
    assert 'width="0.0"' in rect(0, 0, -3, 1, "red")


def test_long_labels_lose_their_middle() -> None:
    assert shortened("abcdefghij", 5) == "ab…ij"
    assert shortened("abc", 5) == "abc"
