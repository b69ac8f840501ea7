"""The drawing surface: valid, deterministic, themed, and safe to put into a page."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import matplotlib as mpl

from ontogeny.report.canvas import BAD, INK, SERIES, Svg, canvas, series_colour, to_svg

HOSTILE = '</svg><script>alert("1")</script> $x^2$ -- &amp; style="#010203"'


def drawn(label: str = "label") -> Svg:
    with canvas(1.0) as (figure, axes):
        axes.plot([0, 1], [1, 0], color=SERIES[1], label=label)
        axes.axhline(0.5, color=BAD)
        axes.set_xlabel(label, color=INK)
        axes.legend(frameon=False)
        return to_svg(figure, label)


def test_it_is_one_svg_element_with_nothing_around_or_foreign() -> None:
    svg = drawn()
    assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert svg.startswith("<svg")
    for unwanted in ("<!DOCTYPE", "<metadata", "<style", "<?xml", "xlink", "http://www.w3.org/1999", "<!--"):
        assert unwanted not in svg


def test_colours_follow_the_page() -> None:
    svg = drawn()
    assert "#0102" not in svg and "#0103" not in svg
    assert series_colour(1) in svg
    assert "var(--bad, " in svg
    assert "currentColor" in svg
    assert "DejaVu" not in svg
    assert "fill: #ffffff" not in svg, "the background is the page's"


def test_text_is_text() -> None:
    root = ET.fromstring(drawn(HOSTILE))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert HOSTILE in texts
    assert root.attrib["aria-label"] == HOSTILE
    assert "<script" not in drawn(HOSTILE)


def test_the_same_drawing_has_the_same_bytes() -> None:
    assert drawn() == drawn()


def test_the_settings_of_matplotlib_stay_as_they_were() -> None:
    before = mpl.rcParams["svg.fonttype"], mpl.rcParams["text.parse_math"]
    drawn()
    assert (mpl.rcParams["svg.fonttype"], mpl.rcParams["text.parse_math"]) == before


def test_series_beyond_the_palette_begin_anew() -> None:
    assert series_colour(len(SERIES)) == series_colour(0)
