"""A classifier's probabilities: whether they mean what they say, and how they tell two sets of examples apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ontogeny.report import numbers
from ontogeny.report.canvas import Svg, series_colour
from ontogeny.report.shapes import BAD, GRID, MUTED, SMALL_PX, WIDTH, drawing, line, rect, text
from ontogeny.statistics.intervals import wilson

SIDE = 250.0
GAP = 82.0
TOP, LEFT, RIGHT = 26.0, 40.0, WIDTH - 6
NAMED_PX = 16.0  # above and below the bars of the second chart, for what they count
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
WANTED, OTHER = series_colour(0), series_colour(1)


@dataclass(frozen=True)
class ReliabilityBin:
    """Examples whose probability fell into one bin: how many, their mean probability, and the share that is wanted."""

    count: int
    probability: float
    wanted: float


@dataclass(frozen=True)
class Limit:
    """A probability from which on something else happens."""

    label: str
    value: float


def reliability_chart(
    bins: Sequence[ReliabilityBin], *, of: int, labels: tuple[str, str], limits: Sequence[Limit] = ()
) -> Svg:
    """Whether probabilities mean what they say, and beside it how many examples have which.

    Args:
        bins: those of `of` equal ones that are not empty.
        labels: of the wanted examples and of the others.
        limits: lines across the second chart.
    """
    said = ", ".join(f"{each.probability:.2f}: {each.wanted:.2f} of {each.count}" for each in bins)
    parts = [*_calibration(bins), *_by_probability(bins, of, labels, limits)]
    return drawing(parts, TOP + SIDE + 50, f"share wanted by probability: {said or 'nothing to draw'}")


def _calibration(bins: Sequence[ReliabilityBin]) -> list[str]:
    """Share against probability with 95% intervals; dots grow with their examples, and the diagonal is perfection."""

    def across(share: float) -> float:
        return LEFT + SIDE * share

    def up(share: float) -> float:
        return TOP + SIDE * (1 - share)

    parts = [text(LEFT, 14, "Are its probabilities true?", weight=600)]
    for tick in TICKS:
        parts.append(line(f"M{LEFT:.1f} {up(tick):.1f}h{SIDE:.1f}", GRID, 1))
        parts.append(_small(LEFT - 8, up(tick) + 3.5, f"{tick:g}", anchor="end"))
        parts.append(_small(across(tick), TOP + SIDE + 16, f"{tick:g}"))
    parts.append(line(f"M{across(0):.1f} {up(0):.1f}L{across(1):.1f} {up(1):.1f}", MUTED, 1.1, "4 3"))
    most = max((each.count for each in bins), default=1)
    for each in bins:
        low, high = wilson(each.wanted * each.count, each.count)
        x = across(each.probability)
        parts.append(line(f"M{x:.1f} {up(low):.1f}V{up(high):.1f}", WANTED, 1))
        radius = 2.2 + 4.0 * math.sqrt(each.count / most)
        parts.append(
            f'<circle cx="{x:.1f}" cy="{up(each.wanted):.1f}" r="{radius:.1f}" style="fill:{WANTED}"/>'
        )
    parts.append(_small(LEFT + SIDE / 2, TOP + SIDE + 34, "probability it gave"))
    turned = f'<g transform="rotate(-90 10 {TOP + SIDE / 2:.1f})">'
    return [*parts, turned, _small(10, TOP + SIDE / 2, "share that was so"), "</g>"]


def _by_probability(
    bins: Sequence[ReliabilityBin], of: int, labels: tuple[str, str], limits: Sequence[Limit]
) -> list[str]:
    """Wanted examples upwards, the others downwards, by the bin of their probability; heights go by square roots."""
    left = LEFT + SIDE + GAP
    width, half = RIGHT - left, SIDE / 2
    base, bar = TOP + half, width / of
    wanted = [round(each.count * each.wanted) for each in bins]
    others = [each.count - number for each, number in zip(bins, wanted, strict=True)]
    most = max([*wanted, *others, 1])
    parts = [text(left, 14, "How it tells the two apart", weight=600)]
    for each, above, below in zip(bins, wanted, others, strict=True):
        x = left + bar * min(int(each.probability * of), of - 1)
        up, down = ((half - NAMED_PX) * math.sqrt(count / most) for count in (above, below))
        parts.append(rect(x, base - up, bar - 1.5, up, WANTED, opacity=0.85))
        parts.append(rect(x, base, bar - 1.5, down, OTHER, opacity=0.85))
    parts.append(line(f"M{left:.1f} {base:.1f}h{width:.1f}", MUTED, 0.8))
    for label, counts, colour, y in (
        (labels[0], wanted, WANTED, TOP + 10),
        (labels[1], others, OTHER, TOP + SIDE - 4),
    ):
        said = f"{numbers.count(sum(counts))} {escape(label)}"
        parts.append(_small(left + width / 2, y, said, fill=colour))
    for limit in limits:
        x = left + width * limit.value
        parts.append(line(f"M{x:.1f} {TOP:.1f}v{SIDE:.1f}", BAD, 1.2, "4 3"))
        anchor, shift = ("end", -6) if limit.value > 0.5 else ("start", 6)
        parts.append(_small(x + shift, TOP + 28, escape(limit.label), fill=BAD, anchor=anchor))
    parts += [_small(left + width * tick, TOP + SIDE + 16, f"{tick:g}") for tick in TICKS]
    return [*parts, _small(left + width / 2, TOP + SIDE + 34, "probability it gave")]


def _small(x: float, y: float, markup: str, *, fill: str = MUTED, anchor: str = "middle") -> str:
    return text(x, y, markup, size=SMALL_PX, fill=fill, anchor=anchor)
