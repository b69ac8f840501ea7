"""The shapes of charts that are drawn by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import pytest
from matplotlib.ft2font import FT2Font

from ontogeny.report.shapes import BOLD, drawing, fitted, line, rect, shortened, text, text_width


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


@pytest.mark.parametrize("face", ["DejaVuSans", "DejaVuSans-Bold"])
def test_no_text_is_wider_than_is_said(face: str) -> None:
    font = FT2Font(Path(matplotlib.get_data_path()) / f"fonts/ttf/{face}.ttf")
    font.set_size(100, 72)
    for said in (
        "unknown",
        "amyxzhang.wordpress.com",
        "1776",
        "63.4%",
        "min_words",
        "café Übergröße",
        "wwwmmmm",
    ):
        width = sum(font.load_char(ord(letter)).linearHoriAdvance / 65536 for letter in said)
        assert width <= text_width(said, 100, bold=face.endswith("Bold")) <= 1.2 * width
    for code in range(32, 127):
        width = font.load_char(code).linearHoriAdvance / 65536
        assert face != "DejaVuSans" or width <= text_width(chr(code), 100)


def test_a_text_is_fitted_by_what_its_letters_take() -> None:
    assert fitted("iiiiiiii", 50, 12) == "iiiiiiii"
    short = fitted("mmmmmmmm", 50, 12)
    assert short in {"m…", "m…m", "…"} and text_width(short, 12) <= 50
    assert text_width("a", 10, bold=True) == pytest.approx(BOLD * text_width("a", 10))
    assert fitted("", 10, 12) == ""
