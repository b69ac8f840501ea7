"""One against the other: a dot for each item at what either of two gives it, and how many items favour whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from ontogeny.report import numbers
from ontogeny.report.axis import TICK_DIGITS, Axis
from ontogeny.report.canvas import Svg
from ontogeny.report.dots import COLOURS
from ontogeny.report.page import Tone
from ontogeny.report.shapes import (
    GRID,
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

SIDE = 300.0
LEFT, TOP, GAP = 56.0, 10.0, 70.0
LABEL_PX = 190.0
ROW_PX, BAR_PX = 34.0, 18.0
RADIUS = 2.8


@dataclass(frozen=True)
class Point:
    """An item at what the first gives it (upwards) and the second (to the right)."""

    first: float
    second: float
    tone: Tone = "plain"


@dataclass(frozen=True)
class Tally:
    """How many items there are of a kind."""

    label: str
    count: int
    tone: Tone = "plain"


def scatter_chart(
    points: Sequence[Point],
    tallies: Sequence[Tally],
    *,
    first: str,
    second: str,
    bounds: tuple[float, float] | None = None,
) -> Svg:
    """Points around the line of equals, and bars of the tallies beside them.

    Args:
        first, second: what the axes show, upwards and to the right.
        bounds: of both axes; those of the points when not given.
    """
    said = ", ".join(f"{each.label} {each.count}" for each in tallies)
    description = f"{first} against {second}, {numbers.counted(len(points), 'item')}: {said or 'nothing'}"
    if not points:
        nothing = text(WIDTH / 2, 32, "nothing to draw", fill=MUTED, anchor="middle")
        return drawing([nothing], 56, description)
    values = [value for point in points for value in (point.first, point.second)]
    low, high = bounds or (min(values), max(values))
    across = Axis.over([low, high], left=LEFT, right=LEFT + SIDE)
    up = Axis(across.low, across.high, TOP + SIDE, TOP)
    parts = [*_frame(across, up, first, second)]
    for point in sorted(points, key=lambda each: each.tone != "plain"):  # what says something lies on top
        seen = 0.45 if point.tone == "plain" else 0.8
        parts.append(
            f'<circle cx="{across.at(point.second):.1f}" cy="{up.at(point.first):.1f}" r="{RADIUS}"'
            f' fill-opacity="{seen}" style="fill:{COLOURS[point.tone]}"/>'
        )
    return drawing([*parts, *_tallies(tallies)], TOP + SIDE + 44, description)


def _frame(across: Axis, up: Axis, first: str, second: str) -> Iterator[str]:
    for tick in across.ticks():
        said = numbers.compact(tick, TICK_DIGITS)
        yield line(f"M{LEFT:.1f} {up.at(tick):.1f}h{SIDE:.1f}", GRID, 1)
        yield text(LEFT - 8, up.at(tick) + 3.5, said, size=SMALL_PX, fill=MUTED, anchor="end")
        yield text(across.at(tick), TOP + SIDE + 16, said, size=SMALL_PX, fill=MUTED, anchor="middle")
    yield line(f"M{LEFT:.1f} {TOP + SIDE:.1f}L{LEFT + SIDE:.1f} {TOP:.1f}", MUTED, 1.1, "4 3")
    below, beside = (escape(fitted(name, SIDE, SMALL_PX)) for name in (second, first))
    yield text(LEFT + SIDE / 2, TOP + SIDE + 36, below, size=SMALL_PX, fill=MUTED, anchor="middle")
    turned = text(14, TOP + SIDE / 2, beside, size=SMALL_PX, fill=MUTED, anchor="middle")
    yield f'<g transform="rotate(-90 14 {TOP + SIDE / 2:.1f})">{turned}</g>'


def _tallies(tallies: Sequence[Tally]) -> Iterator[str]:
    labels = [fitted(each.label, LABEL_PX, TEXT_PX) for each in tallies]
    start = LEFT + SIDE + GAP
    left = start + 12 + max((text_width(label, TEXT_PX) for label in labels), default=0.0)
    room = text_width(numbers.count(max((each.count for each in tallies), default=0)), TEXT_PX) + 12
    scale = (WIDTH - room - left) / max([1, *(each.count for each in tallies)])
    y = TOP + (SIDE - ROW_PX * len(tallies)) / 2
    for each, label in zip(tallies, labels, strict=True):
        yield text(left - 12, y + ROW_PX / 2 + 4, escape(label), anchor="end")
        yield rect(left, y + (ROW_PX - BAR_PX) / 2, each.count * scale, BAR_PX, COLOURS[each.tone], 0.85)
        yield text(left + each.count * scale + 8, y + ROW_PX / 2 + 4, numbers.count(each.count))
        y += ROW_PX
