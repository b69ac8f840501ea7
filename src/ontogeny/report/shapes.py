"""The shapes of charts that are drawn by hand, where matplotlib would take a second to load: SVG in CSS pixels.

Colours are those of the page, so a chart follows its light and its dark look.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape

from ontogeny.report.canvas import Svg

WIDTH = 832.0
"""Of the page's text, in CSS pixels at 16 px type."""
TEXT_PX, SMALL_PX = 12.0, 10.5
BOLD = 1.14
"""How much wider bold letters are."""

# Of the letters of DejaVu Sans, which is wider than the other faces that a page asks for; text may take less.
_WIDTHS_EM = (
    (0.30, "'ijlIJ"),
    (0.37, " ,./:;\\|f-"),
    (0.42, "()[]t!r"),
    (0.53, '"*_`sz'),
    (0.61, "?cLFkvxyP"),
    (0.64, "$0123456789{}TYaoeESbdghnpqu"),
    (0.79, "&KAVBRXZCUHNDGOQ"),
    (0.87, "#+<=>^~wM"),
)
_WIDTH_EM = {letter: width for width, letters in _WIDTHS_EM for letter in letters}
_OTHER_EM = 1.1

INK, MUTED, GRID = "currentColor", "var(--muted, #666b74)", "var(--rule, #e2e3e7)"
GOOD, BAD = "var(--good, #23805f)", "var(--bad, #b83c43)"


def rect(x: float, y: float, width: float, height: float, fill: str, opacity: float = 1.0) -> str:
    """A filled box; `x` and `y` are its upper left corner."""
    seen = f' fill-opacity="{opacity}"' if opacity < 1 else ""
    box = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}"'
    return f'<rect {box} style="fill:{fill}"{seen}/>'


def line(path: str, stroke: str, width: float, dashes: str = "") -> str:
    """A line along `path`, in the commands of SVG."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="{path}" stroke-width="{width}"{dashed} style="stroke:{stroke}"/>'


def text(
    x: float,
    y: float,
    markup: str,
    *,
    size: float = TEXT_PX,
    fill: str = INK,
    anchor: str = "start",
    weight: int = 400,
) -> str:
    """A line of text on the base line `y`. `markup` must be escaped."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}"'
        f' style="fill:{fill}">{markup}</text>'
    )


def drawing(parts: Sequence[str], height: float, description: str, *, width: float = WIDTH) -> Svg:
    """The `<svg>` of `parts`; `description` is what a screen reader says."""
    label = escape(description)
    return Svg(
        f'<svg class="chart" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{label}"'
        ' xmlns="http://www.w3.org/2000/svg" style="font-family:var(--sans, sans-serif)">'
        f"<title>{label}</title>{''.join(parts)}</svg>"
    )


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """The pixels that `text` takes at most, in letters of `size` pixels."""
    letters = [letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter)]
    return size * (BOLD if bold else 1.0) * sum(_WIDTH_EM.get(letter, _OTHER_EM) for letter in letters)


def fitted(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """`text` with as much of its middle left out as it takes to be no wider than `width` pixels."""
    limit = len(text)
    while limit > 1 and text_width(shortened(text, limit), size, bold=bold) > width:
        limit -= 1
    return shortened(text, limit)


def shortened(text: str, limit: int) -> str:
    """`text` with its middle left out where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"
