"""Dots with their intervals, a row for each thing that was measured and a colour for each of those compared.

Drawn by hand, as bars are: a dot where the axis need not begin at zero, so that close values can be told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from ontogeny.report import numbers
from ontogeny.report.axis import TICK_DIGITS, Axis
from ontogeny.report.canvas import Svg, series_colour
from ontogeny.report.page import Tone
from ontogeny.report.shapes import (
    BAD,
    GOOD,
    GRID,
    INK,
    MUTED,
    SMALL_PX,
    TEXT_PX,
    WIDTH,
    drawing,
    fitted,
    line,
    text,
    text_width,
)

LABEL_PX = 250.0  # the widest name; longer ones lose their middle
ONE_PX, EACH_PX = 16.0, 9.0  # height of a row: for itself, and for each dot in it
RADIUS = 4.2
SPACE_PX = 14.0
LEGEND_PX, AXIS_PX = 26.0, 44.0
COLOURS = {"good": GOOD, "bad": BAD, "plain": MUTED}


@dataclass(frozen=True)
class Dot:
    """A value with its interval, where it has one. `tone` colours it by what it means, not by its series."""

    value: float
    low: float | None = None
    high: float | None = None
    tone: Tone | None = None


@dataclass(frozen=True)
class DotRow:
    """What is measured; a dot for each of those compared (None: not measured); and what guessing would give."""

    label: str
    dots: Sequence[Dot | None]
    mark: float | None = None


def dot_chart(
    rows: Sequence[DotRow],
    *,
    x_label: str,
    series: Sequence[str] = (),
    mark_label: str = "",
    zero_label: str = "",
    percent: bool = False,
) -> Svg:
    """Rows of dots over one axis, first on top.

    Args:
        series: names of the dots of each row, for the legend.
        mark_label: what the marks of rows are.
        zero_label: draws a line at zero that means this.
        percent: fractions are written as percentages.
    """
    description = f"{x_label}: " + ", ".join(_said(row) for row in rows)
    if not rows:
        said = text(WIDTH / 2, 32, "nothing to draw", fill=MUTED, anchor="middle")
        return drawing([said], 56, description)
    labels = [fitted(row.label, LABEL_PX, TEXT_PX) for row in rows]
    left = SPACE_PX + max(text_width(label, TEXT_PX) for label in labels)
    axis = _axis(rows, zero=bool(zero_label), left=left, right=WIDTH - SPACE_PX, percent=percent)
    marked = any(row.mark is not None for row in rows)
    top = LEGEND_PX if len(series) > 1 or marked or zero_label else 6.0
    heights = [ONE_PX + EACH_PX * len(row.dots) for row in rows]
    base = top + sum(heights)
    parts = list(_ticks(axis, top, base, percent=percent))
    if zero_label:
        parts.append(line(f"M{axis.at(0.0):.1f} {top:.1f}V{base:.1f}", MUTED, 1.2))
    y = top
    for row, label, height in zip(rows, labels, heights, strict=True):
        parts += _row(row, label, axis, y, height)
        y += height
    parts += _legend(series if len(series) > 1 else (), mark_label if marked else "", zero_label, axis)
    named = escape(f"{x_label} (%)" if percent else x_label)
    middle = (axis.left + axis.right) / 2
    parts.append(text(middle, base + 38, named, size=SMALL_PX, fill=MUTED, anchor="middle"))
    return drawing(parts, base + AXIS_PX, description)


def _said(row: DotRow) -> str:
    values = ", ".join(f"{dot.value:.4g}" if dot else "not measured" for dot in row.dots)
    return f"{row.label} {values}"


def _axis(rows: Sequence[DotRow], *, zero: bool, left: float, right: float, percent: bool) -> Axis:
    values = [0.0] if zero else []
    for row in rows:
        values += [row.mark] if row.mark is not None else []
        for dot in row.dots:
            if dot is not None:
                values += [value for value in (dot.value, dot.low, dot.high) if value is not None]
    whole = Axis.over(values, left=left, right=right)
    margin = 0.03 * (whole.high - whole.low)
    low, high = whole.low - margin, whole.high + margin
    if percent and not zero:  # shares end at 0 and at 1
        low, high = max(low, min(0.0, whole.low)), min(high, max(1.0, whole.high))
    return Axis(low, high, left, right)


def _ticks(axis: Axis, top: float, base: float, *, percent: bool) -> Iterator[str]:
    scale = 100.0 if percent else 1.0
    for tick in axis.ticks(scale):
        at = axis.at(tick / scale)
        yield line(f"M{at:.1f} {top:.1f}V{base:.1f}", GRID, 1.0)
        said = escape(numbers.compact(tick, TICK_DIGITS))
        yield text(at, base + 18, said, size=SMALL_PX, fill=MUTED, anchor="middle")


def _row(row: DotRow, label: str, axis: Axis, top: float, height: float) -> Iterator[str]:
    middle = top + height / 2
    yield text(axis.left - SPACE_PX, middle + 4, escape(label), anchor="end")
    if row.mark is not None:
        yield line(f"M{axis.at(row.mark):.1f} {top + 4:.1f}v{height - 8:.1f}", INK, 1.4, "3 2")
    for place, dot in enumerate(row.dots):
        if dot is None:
            continue
        y = middle + EACH_PX * (place - (len(row.dots) - 1) / 2)
        colour = COLOURS[dot.tone] if dot.tone else series_colour(place)
        if dot.low is not None and dot.high is not None:
            yield line(f"M{axis.at(dot.low):.1f} {y:.1f}H{axis.at(dot.high):.1f}", colour, 2.0)
        yield f'<circle cx="{axis.at(dot.value):.1f}" cy="{y:.1f}" r="{RADIUS}" style="fill:{colour}"/>'


def _legend(series: Sequence[str], mark_label: str, zero_label: str, axis: Axis) -> Iterator[str]:
    x, y = axis.left, 12.0
    for place, name in enumerate(series):
        said = fitted(name, LABEL_PX, SMALL_PX)
        yield f'<circle cx="{x + RADIUS:.1f}" cy="{y - 3.5:.1f}" r="{RADIUS}" style="fill:{series_colour(place)}"/>'
        yield text(x + 14, y, escape(said), size=SMALL_PX, fill=MUTED)
        x += 34 + text_width(said, SMALL_PX)
    if mark_label:
        yield line(f"M{x + 4:.1f} {y - 9:.1f}v11", INK, 1.4, "3 2")
        yield text(x + 14, y, escape(mark_label), size=SMALL_PX, fill=MUTED)
    if zero_label:
        at = axis.at(0.0)
        half = text_width(zero_label, SMALL_PX) / 2
        middle = min(max(at, axis.left + half), WIDTH - half)
        yield text(middle, y, escape(zero_label), size=SMALL_PX, fill=MUTED, anchor="middle")
