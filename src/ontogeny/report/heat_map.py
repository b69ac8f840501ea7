"""A matrix of counts as a heat map: what was so in the rows, what was said in the columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ontogeny.report import numbers
from ontogeny.report.canvas import Svg, series_colour
from ontogeny.report.shapes import (
    GRID,
    MUTED,
    SMALL_PX,
    TEXT_PX,
    WIDTH,
    drawing,
    fitted,
    rect,
    text,
    text_width,
)

CELL_PX = 64.0  # at most: two classes need no page
COUNTED_PX = 26.0  # narrower cells have no room for a number
NAMES_PX = 190.0  # the widest name of a row or column; longer ones lose their middle
SPACE_PX = 8.0
TITLE_PX = 20.0
FAINTEST, STRONGEST = 0.10, 0.92  # opacity of the smallest share above none, and of all
LIGHT_FROM = 0.55  # opacity from which on a number is written in the colour of paper
RIGHT, WRONG = series_colour(0), series_colour(1)
PAPER = "var(--paper, #fff)"
SLANT = 0.64  # the height of a name that is turned by 40 degrees, for its length


def heat_map(
    counts: Sequence[Sequence[int]], names: Sequence[str], *, row_title: str, column_title: str
) -> Svg:
    """A square matrix (K, K) over `names`: the shade of a cell is its share of its row, on the diagonal in blue.

    Numbers stand in the cells where there is room for them; all are in the titles that show on pointing.
    """
    size = len(names)
    labels = [fitted(name, NAMES_PX, SMALL_PX) for name in names]
    room = max((text_width(label, SMALL_PX) for label in labels), default=0.0)
    left, top = TITLE_PX + room + SPACE_PX, TITLE_PX + SLANT * room + SPACE_PX
    cell = min(CELL_PX, (WIDTH - left - SLANT * room) / max(size, 1))
    parts = [text(left, 12, escape(column_title), size=SMALL_PX, fill=MUTED)]
    middle = top + cell * size / 2
    turned = f'<g transform="rotate(-90 12 {middle:.1f})">'
    parts += [
        turned,
        text(12, middle, escape(row_title), size=SMALL_PX, fill=MUTED, anchor="middle"),
        "</g>",
    ]
    for place, label in enumerate(labels):
        at = place * cell + cell / 2
        parts.append(text(left - SPACE_PX, top + at + 3.5, escape(label), size=SMALL_PX, anchor="end"))
        x, y = left + at, top - SPACE_PX + 2
        parts.append(f'<g transform="rotate(-40 {x:.1f} {y:.1f})">')
        parts += [text(x, y, escape(label), size=SMALL_PX), "</g>"]
    for row in range(size):
        parts += _cells(counts[row], names, row, left, top, cell)
    described = f"{row_title} by {column_title}, {size} classes"
    return drawing(parts, top + cell * size + SPACE_PX, described)


def _cells(
    counts: Sequence[int], names: Sequence[str], row: int, left: float, top: float, cell: float
) -> Iterator[str]:
    total = max(sum(counts), 1)
    y = top + row * cell
    for column, count in enumerate(counts):
        x = left + column * cell
        share = count / total
        shade = FAINTEST + (STRONGEST - FAINTEST) * share
        box = rect(x, y, cell - 1, cell - 1, GRID, 0.35)
        if count:
            box = rect(x, y, cell - 1, cell - 1, RIGHT if row == column else WRONG, shade)
        said = f"{names[row]} as {names[column]}: {numbers.count(count)} ({numbers.percent(share)})"
        yield f"<g><title>{escape(said)}</title>{box}"
        written = numbers.count(count)
        if count and cell >= COUNTED_PX and text_width(written, TEXT_PX) < cell:
            fill = PAPER if shade >= LIGHT_FROM else "currentColor"
            yield text(x + cell / 2, y + cell / 2 + 4, written, fill=fill, anchor="middle")
        yield "</g>"
