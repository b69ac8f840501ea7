"""Many small charts side by side: distributions with a threshold, and drops grouped under the rule that made them.

Drawn by hand, since forty of them would take matplotlib seconds.

Each returns inline SVG in the colours of the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from ontogeny.report import numbers
from ontogeny.report.canvas import Svg, series_colour
from ontogeny.report.shapes import (
    BAD,
    CHARACTER_EM,
    GRID,
    MUTED,
    SMALL_PX,
    TEXT_PX,
    WIDTH,
    drawing,
    rect,
    shortened,
    text,
)

GAP = 28.0
TITLE_PX = 14.0
KEPT, DROPPED, CURVE = series_colour(0), series_colour(1), series_colour(2)


@dataclass(frozen=True)
class Panel:
    """A distribution over bins, what of it stays, a threshold, and a curve over thresholds.

    `total` and `kept` have one more entry than `edges`: the outer two bins are open. `curve` (len(edges)) is what would
    stay at each edge, as a fraction of `curve`'s own whole. `shade_left`: what lies left of the threshold goes.
    """

    title: str
    subtitle: str
    edges: Sequence[float]
    total: Sequence[float]
    kept: Sequence[float]
    threshold: float | None = None
    threshold_label: str = ""
    curve: Sequence[float] = ()
    shade_left: bool = False


@dataclass(frozen=True)
class Loss:
    """What left for one reason."""

    label: str
    count: int
    note: str = ""


@dataclass(frozen=True)
class LossGroup:
    """What left by one rule: the sum of its losses."""

    label: str
    losses: tuple[Loss, ...]

    @property
    def count(self) -> int:
        """All of it."""
        return sum(loss.count for loss in self.losses)


def panel_grid(panels: Sequence[Panel], *, title: str = "", columns: int = 3, height: float = 132.0) -> Svg:
    """Panels in rows under a title. Bars are counts by the largest bin; the curve's own axis goes from 0 to 100%."""
    rows = math.ceil(len(panels) / columns)
    width = (WIDTH - GAP * (columns - 1)) / columns
    step, head = height + 62, 30.0 if title else 0.0
    parts = [text(0, 14, escape(title), size=TITLE_PX, weight=600) + _rule(22)] if title else []
    for number, panel in enumerate(panels):
        x, y = (number % columns) * (width + GAP), head + 6 + (number // columns) * step
        parts.append(f'<g transform="translate({x:.1f} {y:.1f})">{_panel(panel, width, height)}</g>')
    said = "; ".join(f"{panel.title}: {panel.subtitle}" for panel in panels) or "nothing to draw"
    return drawing(parts, max(head + step * rows - 2, 20), said)


def loss_chart(groups: Sequence[LossGroup], *, read: int, kept: int, unit: str) -> Svg:
    """A funnel by rule: what is left after each, in its place, and under each the reasons, the largest first."""
    scale = (WIDTH - 430) / max(read, 1)
    parts: list[str] = []
    y, left = 0.0, read

    def bar(before: int, after: int) -> str:
        return rect(230, y + 3, before * scale, 16, GRID) + rect(230, y + 3, after * scale, 16, KEPT)

    def line(label: str, value: str, note: str = "") -> str:
        aside = f'  <tspan style="fill:{MUTED}">{escape(note)}</tspan>' if note else ""
        name = text(0, y + 15, escape(shortened(label, 30)), weight=600)
        return name + text(230 + left_before * scale + 10, y + 15, f"{escape(value)}{aside}")

    left_before = read
    parts += [bar(read, read), line("read", f"{numbers.count(read)} {unit}")]
    y += 26
    for group in groups:
        left_before, left = left, left - group.count
        note = f"\N{MINUS SIGN}{numbers.count(group.count)}, {numbers.percent(group.count / max(read, 1))} of all"
        parts += [bar(left_before, left), line(group.label, numbers.count(left), note)]
        y += 22
        for loss in sorted(group.losses, key=lambda each: -each.count):
            parts.append(text(14, y + 12, escape(shortened(loss.label, 34)), size=SMALL_PX, fill=MUTED))
            parts.append(rect(230 + left * scale, y + 4, max(loss.count * scale, 0.8), 8, DROPPED))
            said = f"{numbers.count(loss.count)}{' · ' + loss.note if loss.note else ''}"
            x = 230 + (left + loss.count) * scale + 10
            parts.append(text(x, y + 12, escape(said), size=SMALL_PX, fill=MUTED))
            y += 16
        y += 8
    left_before = left
    parts += [bar(kept, kept), line("kept", f"{numbers.count(kept)} {unit}")]
    y += 26
    said = ", ".join(
        [f"read {read}", *(f"{group.label} took {group.count}" for group in groups), f"kept {kept}"]
    )
    return drawing(parts, y, said)


def _panel(panel: Panel, width: float, height: float) -> str:
    bins = len(panel.total)
    top, most = 40.0, max(*panel.total, 1.0)
    bar = width / bins
    parts = [
        text(0, 12, escape(shortened(panel.title, int(width / (TEXT_PX * CHARACTER_EM)))), weight=600),
        text(
            0, 28, escape(shortened(panel.subtitle, int(width / (SMALL_PX * CHARACTER_EM * 0.92)))),
            size=SMALL_PX, fill=MUTED,
        ),
    ]  # fmt: skip
    if panel.threshold is not None:
        # Edge k lies between bins k and k + 1: the threshold is one of them.
        at = bar * (1 + _nearest(panel.edges, panel.threshold))
        start, stop = (0.0, at) if panel.shade_left else (at, width)
        parts.append(rect(start, top, stop - start, height - 18, GRID, opacity=0.45))
    for number, (total, kept) in enumerate(zip(panel.total, panel.kept, strict=True)):
        for value, colour in ((total, DROPPED), (kept, KEPT)):
            if value > 0:
                tall = (height - 18) * value / most
                parts.append(
                    rect(
                        number * bar,
                        top + height - 18 - tall,
                        max(bar - 0.8, 0.6),
                        tall,
                        colour,
                        opacity=0.85,
                    )
                )
    if panel.curve:
        points = " ".join(
            f"{bar * (1 + number):.1f},{top + (height - 18) * (1 - min(max(value, 0), 1)):.1f}"
            for number, value in enumerate(panel.curve)
        )
        parts.append(f'<polyline points="{points}" fill="none" style="stroke:{CURVE}" stroke-width="1.8"/>')
    base = top + height - 18
    parts.append(f'<path d="M0 {base:.1f}H{width:.1f}" style="stroke:{MUTED}" stroke-width="0.8"/>')
    if panel.threshold is not None:
        line = f'd="M{at:.1f} {top - 4:.1f}V{base:.1f}" stroke-width="1.2" stroke-dasharray="4 3"'
        parts.append(f'<path {line} style="stroke:{BAD}"/>')
    parts += _ticks(panel, width, bar, base)
    return "".join(parts)


def _ticks(panel: Panel, width: float, bar: float, base: float) -> Iterable[str]:
    """The threshold under its line, and the ends where they do not run into it."""
    ends = [(0, "start", 0.0), (len(panel.edges) - 1, "end", width)] if len(panel.edges) > 1 else []
    at = None
    if panel.threshold is not None:
        at = bar * (1 + _nearest(panel.edges, panel.threshold))
        anchor = "start" if at < 30 else "end" if at > width - 30 else "middle"
        label = panel.threshold_label or numbers.compact(panel.threshold)
        yield text(at, base + 14, escape(label), size=SMALL_PX, fill=BAD, anchor=anchor)
    for place, anchor, x in ends:
        if at is None or abs(x - at) > 62:
            yield text(
                x, base + 14, numbers.compact(panel.edges[place]), size=SMALL_PX, fill=MUTED, anchor=anchor
            )


def _nearest(edges: Sequence[float], value: float) -> int:
    return min(range(len(edges)), key=lambda place: abs(edges[place] - value))


def _rule(y: float) -> str:
    return f'<path d="M0 {y:.1f}H{WIDTH:.1f}" style="stroke:{GRID}" stroke-width="1"/>'
