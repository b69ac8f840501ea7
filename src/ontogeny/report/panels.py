"""Many small charts side by side: distributions with a threshold, and drops grouped under the rule that made them.

Drawn by hand, since forty of them would take matplotlib seconds.

Each returns inline SVG in the colours of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from ontogeny.report import numbers
from ontogeny.report.canvas import Svg, series_colour
from ontogeny.report.shapes import (
    BAD,
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

GAP, COLUMNS = 28.0, 3  # as page.css has them where the page has its full width
LINE_PX = 13.0
NAMES_PX, INDENT_PX, SPACE_PX = 230.0, 14.0, 10.0
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


def panel_grid(panels: Sequence[Panel], *, title: str = "", height: float = 132.0) -> Svg:
    """Panels under a title, a drawing each: the page puts as many beside each other as it has room for.

    Bars are counts by the largest bin; the curve's own axis goes from 0 to 100%.
    """
    width = (WIDTH - GAP * (COLUMNS - 1)) / COLUMNS
    # Two lines under each title where one is too narrow for what some panel says.
    broken = any(text_width(panel.subtitle, SMALL_PX) > width for panel in panels)
    extra = LINE_PX if broken else 0.0
    drawn = [
        drawing(
            [_panel(panel, width, height, extra)],
            height + extra + 40,
            f"{panel.title}: {panel.subtitle}",
            width=width,
        )
        for panel in panels
    ]
    name = f'<h3 class="grid">{escape(title)}</h3>' if title else ""
    return Svg(f'<div>{name}<div class="panels">{"".join(drawn)}</div></div>')


def loss_chart(groups: Sequence[LossGroup], *, read: int, kept: int, unit: str) -> Svg:
    """A funnel by rule: what is left after each, in its place, and under each the reasons, the largest first."""
    notes = [
        f"\N{MINUS SIGN}{numbers.count(group.count)}, {numbers.percent(group.count / max(read, 1))} of all"
        for group in groups
    ]
    said = [f"{numbers.count(read)} {unit}", *(f"{numbers.count(read)}  {note}" for note in notes)]
    room = SPACE_PX + max(text_width(each, TEXT_PX) for each in said)
    scale = (WIDTH - NAMES_PX - room) / max(read, 1)
    parts: list[str] = []
    y, left = 0.0, read

    def bar(before: int, after: int) -> str:
        return rect(NAMES_PX, y + 3, before * scale, 16, GRID) + rect(
            NAMES_PX, y + 3, after * scale, 16, KEPT
        )

    def row(label: str, value: str, note: str = "") -> str:
        aside = f'  <tspan style="fill:{MUTED}">{escape(note)}</tspan>' if note else ""
        name = fitted(label, NAMES_PX - SPACE_PX, TEXT_PX, bold=True)
        x = NAMES_PX + left_before * scale + SPACE_PX
        return text(0, y + 15, escape(name), weight=600) + text(x, y + 15, f"{escape(value)}{aside}")

    left_before = read
    parts += [bar(read, read), row("read", f"{numbers.count(read)} {unit}")]
    y += 26
    for group, note in zip(groups, notes, strict=True):
        left_before, left = left, left - group.count
        parts += [bar(left_before, left), row(group.label, numbers.count(left), note)]
        y += 22
        for loss in sorted(group.losses, key=lambda each: -each.count):
            parts += _loss(loss, left, scale, y)
            y += 16
        y += 8
    left_before = left
    parts += [bar(kept, kept), row("kept", f"{numbers.count(kept)} {unit}")]
    y += 26
    description = ", ".join(
        [f"read {read}", *(f"{group.label} took {group.count}" for group in groups), f"kept {kept}"]
    )
    return drawing(parts, y, description)


def _loss(loss: Loss, left: int, scale: float, y: float) -> Iterable[str]:
    """A reason under its rule: its part of what the rule took, in its place, with its name and its number."""
    name = fitted(loss.label, NAMES_PX - INDENT_PX - SPACE_PX, SMALL_PX)
    yield text(INDENT_PX, y + 12, escape(name), size=SMALL_PX, fill=MUTED)
    yield rect(NAMES_PX + left * scale, y + 4, max(loss.count * scale, 0.8), 8, DROPPED)
    said = f"{numbers.count(loss.count)}{' · ' + loss.note if loss.note else ''}"
    x = NAMES_PX + (left + loss.count) * scale + SPACE_PX
    yield text(x, y + 12, escape(said), size=SMALL_PX, fill=MUTED)


def _panel(panel: Panel, width: float, height: float, extra: float) -> str:
    """A panel under its names; with `extra` height for it, a subtitle of the form `what; how many` has two lines."""
    what, semicolon, how_many = panel.subtitle.rpartition("; ")
    subtitle = [what, how_many] if extra and semicolon else [panel.subtitle]
    bins = len(panel.total)
    top, most = 40.0 + extra, max(*panel.total, 1.0)
    bar = width / bins
    parts = [
        text(0, 12, escape(fitted(panel.title, width, TEXT_PX, bold=True)), weight=600),
    ]
    for number, said in enumerate(subtitle):
        parts.append(
            text(0, 28 + LINE_PX * number, escape(fitted(said, width, SMALL_PX)), size=SMALL_PX, fill=MUTED)
        )
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
        parts.append(line(f"M{at:.1f} {top - 4:.1f}V{base:.1f}", BAD, 1.2, "4 3"))
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
