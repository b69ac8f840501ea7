"""Horizontal bars with their intervals and values, drawn by hand: every report has some, and most nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from ontogeny.report import numbers
from ontogeny.report.axis import TICK_DIGITS, Axis
from ontogeny.report.canvas import Svg, series_colour
from ontogeny.report.shapes import (
    BAD,
    GRID,
    INK,
    MUTED,
    SMALL_PX,
    TEXT_PX,
    WIDTH,
    drawing,
    fitted,
    line,
    rect,
    text,
    text_width,
)

LABEL_CHARS = 44
LABEL_PX = 320.0  # the widest name; longer ones lose their middle
ROW_PX, BAR_PX = 30.0, 18.0
SPACE_PX = 10.0  # between a bar and its name, and its value
AXIS_PX = 44.0  # below the bars: ticks and what they count


@dataclass(frozen=True)
class Mark:
    """A value to compare with, drawn as a thin line across the chart."""

    label: str
    value: float


@dataclass(frozen=True)
class Bar:
    """A value with its interval, where it has one."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    faint: bool = False


def bar_chart(bars: Sequence[Bar], *, x_label: str, marks: Sequence[Mark] = (), percent: bool = False) -> Svg:
    """Bars from zero, first on top, with their intervals and values; fractions as percentages if `percent`."""
    description = f"{x_label}: " + ", ".join(f"{bar.label} {bar.value:.4g}" for bar in bars)
    if not bars:
        said = text(WIDTH / 2, 32, "nothing to draw", fill=MUTED, anchor="middle")
        return drawing([said], 56, description)
    write = numbers.percent if percent else numbers.measure
    labels = [fitted(bar.label, LABEL_PX, TEXT_PX) for bar in bars]
    values = [write(bar.value) for bar in bars]
    axis = _axis(bars, marks, left=_room(labels), right=WIDTH - _room(values))
    top = 20.0 if marks else 0.0
    base = top + ROW_PX * len(bars)
    parts = list(_ticks(axis, top, base, percent=percent))
    for row, (bar, label, value) in enumerate(zip(bars, labels, values, strict=True)):
        parts += _row(bar, label, value, axis, top + ROW_PX * (row + 0.5))
    for mark in marks:
        at = axis.at(mark.value)
        parts.append(line(f"M{at:.1f} {top:.1f}V{base:.1f}", BAD, 1.2, "4 3"))
        said = f"{mark.label} {write(mark.value)}"
        half = text_width(said, SMALL_PX) / 2
        middle = min(max(at, half), WIDTH - half)
        parts.append(text(middle, top - 6, escape(said), size=SMALL_PX, fill=BAD, anchor="middle"))
    named = escape(f"{x_label} (%)" if percent else x_label)
    middle = (axis.left + axis.right) / 2
    parts.append(text(middle, base + 38, named, size=SMALL_PX, fill=MUTED, anchor="middle"))
    return drawing(parts, base + AXIS_PX, description)


def _room(texts: Sequence[str]) -> float:
    """For the widest of `texts`, and the space between it and the bars."""
    return SPACE_PX + max(text_width(each, TEXT_PX) for each in texts)


def _axis(bars: Sequence[Bar], marks: Sequence[Mark], *, left: float, right: float) -> Axis:
    values = [0.0, *(mark.value for mark in marks)]
    for bar in bars:
        values += [value for value in (bar.value, bar.low, bar.high) if value is not None]
    return Axis.over(values, left=left, right=right)


def _ticks(axis: Axis, top: float, base: float, *, percent: bool) -> Iterator[str]:
    scale = 100.0 if percent else 1.0
    for tick in axis.ticks(scale):
        at = axis.at(tick / scale)
        yield line(f"M{at:.1f} {top:.1f}V{base:.1f}", GRID, 1.0)
        said = escape(numbers.compact(tick, TICK_DIGITS))
        yield text(at, base + 18, said, size=SMALL_PX, fill=MUTED, anchor="middle")


def _row(bar: Bar, label: str, value: str, axis: Axis, y: float) -> Iterator[str]:
    """The bar around the height `y`, its name before and its value behind it."""
    yield text(axis.left - SPACE_PX, y + 4, escape(label), anchor="end")
    zero, end = sorted((axis.at(0.0), axis.at(bar.value)))
    yield rect(zero, y - BAR_PX / 2, end - zero, BAR_PX, series_colour(0), 0.45 if bar.faint else 1.0)
    if bar.low is not None and bar.high is not None:
        end = max(end, axis.at(bar.high))
        yield line(f"M{axis.at(bar.low):.1f} {y:.1f}H{axis.at(bar.high):.1f}", INK, 1.6)
    yield text(end + SPACE_PX, y + 4, escape(value))
