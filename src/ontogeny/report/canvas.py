"""The drawing surface of every chart: a matplotlib figure that becomes inline SVG in the colours of the page.

matplotlib knows only fixed colours, a page has a light and a dark look. So charts are drawn in stand-in
colours, which `to_svg` turns into `currentColor` and CSS variables of the page (with a fallback, for an SVG
that is saved alone). Text stays text: it can be searched, copied and read aloud, and no label is read as
mathematics or markup.

The result depends on what is drawn only: no dates, no random identifiers.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any, NewType

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Svg = NewType("Svg", str)
"""Markup that this package drew; the only markup that a page takes as it is."""

# Stand-in colours: each is replaced, so only their being distinct matters.
INK = "#010203"
FAINT = "#010204"
GRID = "#010205"
GOOD = "#010206"
BAD = "#010207"
SERIES = tuple(f"#0103{position:02x}" for position in range(8))

# The light palette of page.css: hues after Okabe and Ito (2008), which colour-blind readers can tell apart.
SERIES_LIGHT = ("#2f6db5", "#d0741f", "#23805f", "#8a5bb5", "#b83c43", "#3a93a8", "#9a7d18", "#7a7f87")

WIDTH_IN = 7.4
FONT_PT = 8.6
TICK_PT = 7.8

_RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ontogeny",
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "font.family": "DejaVu Sans",  # ships with matplotlib; a page replaces it by its own, narrower one
    "font.size": FONT_PT,
    "path.simplify_threshold": 0.4,
}


def series_colour(position: int) -> str:
    """CSS colour of the series at `position`, for drawings that are not made with matplotlib."""
    position %= len(SERIES_LIGHT)
    return f"var(--series-{position + 1}, {SERIES_LIGHT[position]})"


@contextmanager
def canvas(height_in: float, *, width_in: float = WIDTH_IN) -> Iterator[tuple[Figure, Axes]]:
    """A figure with one quiet pair of axes; draw and call `to_svg` inside the block."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(dict[Any, Any](_RC)):  # matplotlib types its keys as a literal of them all
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        axes = figure.add_subplot()
        figure.patch.set_visible(False)
        axes.patch.set_visible(False)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(FAINT)
        axes.tick_params(which="both", colors=FAINT, labelsize=TICK_PT, length=0, pad=5)
        axes.set_axisbelow(True)
        yield figure, axes


def to_svg(figure: Figure, description: str) -> Svg:
    """The figure as an `<svg>` element; `description` is what a screen reader says."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return Svg(_themed(_bare(buffer.getvalue(), description)))


def _bare(document: str, description: str) -> str:
    """The `<svg>` element without what only a document of its own needs, sized by the page."""
    inner = document[document.index("<svg") :].strip()
    inner = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", inner, flags=re.DOTALL)
    inner = re.sub(r'<g id="[^"]*">', "<g>", inner)  # names of groups repeat from figure to figure
    inner = inner.replace("xlink:href=", "href=")
    box = re.search(r'viewBox="[^"]*"', inner)
    assert box is not None, "matplotlib writes a viewBox"
    label = escape(description)
    head = f'<svg class="chart" {box.group()} role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg">'
    body = inner[inner.index(">") + 1 :]
    return re.sub(r"\n\s*", "\n", f"{head}<title>{label}</title>{body}")


def _themed(svg: str) -> str:
    """With the page's colours and font in place of the stand-ins."""
    colours = {
        INK: "currentColor",
        FAINT: "var(--muted, #666b74)",
        GRID: "var(--rule, #e2e3e7)",
        GOOD: "var(--good, #23805f)",
        BAD: "var(--bad, #b83c43)",
    }
    colours |= {stand_in: series_colour(position) for position, stand_in in enumerate(SERIES)}
    pattern = re.compile("|".join(colours))

    def restyle(match: re.Match[str]) -> str:
        style = pattern.sub(lambda found: colours[found.group()], match.group())
        return style.replace("font-family: 'DejaVu Sans'", "font-family: var(--sans, sans-serif)")

    return re.sub(r'<[^<>]* style="[^"]*"', restyle, svg)  # in tags only: a label may hold such words, too
