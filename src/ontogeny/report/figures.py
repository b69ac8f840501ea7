"""The charts of a report: lines, bars with intervals, histograms, funnels. Each returns inline SVG.

    svg = line_chart([Series("loss", steps, losses)], x_label="step", y_label="nats per token")

Values that are not finite are left out. A chart of nothing says so instead of failing: reports are written of short
runs too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ontogeny.report import numbers
from ontogeny.report.axis import TICK_DIGITS
from ontogeny.report.bars import LABEL_CHARS, Bar, Mark, bar_chart
from ontogeny.report.canvas import FAINT, GRID, INK, SERIES, TICK_PT, Svg, canvas, to_svg
from ontogeny.report.shapes import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE_HEIGHT_IN = 2.9
BAR_HEIGHT_IN = 0.34
FRAME_HEIGHT_IN = 0.75
MAX_POINTS = 600
LEAST_STRETCHES = 4  # a running mean over less than this many of its widths shows its ends, not the trend

__all__ = ["Bar", "Mark", "Series", "Stage", "bar_chart", "funnel", "histogram", "line_chart"]


@dataclass(frozen=True)
class Series:
    """A named sequence of points. `smooth`: width in points of a running mean, drawn over the faint values."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    style: Literal["line", "dashed", "points"] = "line"
    smooth: int | None = None


@dataclass(frozen=True)
class Stage:
    """What is left after a stage of a funnel."""

    label: str
    count: float


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    marks: Sequence[Mark] = (),
    log_x: bool = False,
    log_y: bool = False,
) -> Svg:
    """Lines over a common axis. On a logarithmic axis only positive values are shown."""
    description = f"{y_label} by {x_label}: {', '.join(item.label for item in series) or 'nothing'}"
    drawn = [(item, *_finite(item, log_x=log_x, log_y=log_y)) for item in series]
    if not any(x for _, x, _ in drawn):
        return _empty(description)
    with canvas(LINE_HEIGHT_IN) as (figure, axes):
        for position, (item, x, y) in enumerate(drawn):
            _draw_series(axes, item, x, y, colour=SERIES[position % len(SERIES)])
        axes.set_xscale("log" if log_x else "linear")
        axes.set_yscale("log" if log_y else "linear")
        axes.margins(x=0.01)
        for mark in marks:
            axes.axhline(mark.value, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
            axes.annotate(
                mark.label, (1, mark.value), xycoords=("axes fraction", "data"), xytext=(-2, 3),
                textcoords="offset points", ha="right", va="bottom", color=FAINT, fontsize=TICK_PT,
            )  # fmt: skip
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        _name_axes(axes, x_label, y_label)
        if len(drawn) > 1:
            axes.legend(
                loc="lower left", bbox_to_anchor=(0, 1), ncols=min(4, len(drawn)), frameon=False,
                labelcolor=INK, fontsize=TICK_PT, borderaxespad=0.2, handlelength=1.6, columnspacing=1.6,
            )  # fmt: skip
        return to_svg(figure, description)


def _draw_series(axes: Axes, item: Series, x: list[float], y: list[float], colour: str) -> None:
    if item.style == "points":
        axes.plot(x, y, "o-", color=colour, markersize=3.4, linewidth=1.4, label=item.label)
        return
    style = "--" if item.style == "dashed" else "-"
    if item.smooth is not None and len(x) >= LEAST_STRETCHES * item.smooth:
        axes.plot(*_thinned(x, y), color=colour, linewidth=0.8, alpha=0.28)
        y = _running_mean(y, item.smooth)
    axes.plot(*_thinned(x, y), style, color=colour, linewidth=1.7, label=item.label)


def histogram(
    values: Sequence[float], *, x_label: str, y_label: str = "count", bins: int = 40, log_x: bool = False
) -> Svg:
    """How values are spread; on a logarithmic axis only positive values count, in bins of equal ratio."""
    import numpy as np

    description = f"histogram of {x_label}, n = {len(values)}"
    usable = [value for value in values if math.isfinite(value) and (value > 0 or not log_x)]
    if not usable:
        return _empty(description)
    low, high = min(usable), max(usable)
    if log_x and low < high:
        edges = np.geomspace(low, high, bins + 1)
        edges[[0, -1]] = low, high  # geomspace rounds its ends
    else:
        edges = np.histogram_bin_edges(usable, bins=bins if low < high else 1)
    counts, _ = np.histogram(usable, edges)
    with canvas(LINE_HEIGHT_IN * 0.85) as (figure, axes):
        axes.bar(
            edges[:-1], counts, width=np.diff(edges), align="edge", color=SERIES[0], linewidth=0, alpha=0.85
        )
        axes.set_xscale("log" if log_x and low < high else "linear")
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        _name_axes(axes, x_label, y_label)
        return to_svg(figure, description)


def funnel(stages: Sequence[Stage], *, unit: str) -> Svg:
    """What is left after each stage, first on top, and what each stage took."""
    description = ", ".join(f"{stage.label}: {numbers.count(stage.count)} {unit}" for stage in stages)
    if not stages or stages[0].count <= 0:
        return _empty(description or f"no {unit}")
    with canvas(FRAME_HEIGHT_IN + BAR_HEIGHT_IN * len(stages)) as (figure, axes):
        before = stages[0].count
        for row, stage in enumerate(stages):
            axes.barh(row, before, height=0.58, color=GRID, linewidth=0)
            axes.barh(row, stage.count, height=0.58, color=SERIES[0], linewidth=0)
            lost = f"   \N{MINUS SIGN}{numbers.count(before - stage.count)}" if stage.count < before else ""
            axes.annotate(
                numbers.count(stage.count) + lost, (before, row), xytext=(5, 0), textcoords="offset points",
                va="center", color=INK, fontsize=TICK_PT, annotation_clip=False,
            )  # fmt: skip
            before = stage.count
        _name_rows(axes, [stage.label for stage in stages])
        axes.set_xlim(0, stages[0].count * 1.18)
        _name_axes(axes, unit, None)
        return to_svg(figure, description)


def _finite(item: Series, *, log_x: bool, log_y: bool) -> tuple[list[float], list[float]]:
    """The points that can be drawn."""
    points = [
        (float(x), float(y))
        for x, y in zip(item.x, item.y, strict=True)
        if math.isfinite(x) and math.isfinite(y) and (x > 0 or not log_x) and (y > 0 or not log_y)
    ]
    return [x for x, _ in points], [y for _, y in points]


def _running_mean(values: list[float], width: int) -> list[float]:
    """Mean of each value with its neighbours, `width` in all; fewer at the ends."""
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    half = width // 2
    bounds = [(max(0, i - half), min(len(values), i + half + 1)) for i in range(len(values))]
    return [(sums[stop] - sums[start]) / (stop - start) for start, stop in bounds]


def _thinned(x: list[float], y: list[float]) -> tuple[list[float], list[float]]:
    """At most about `MAX_POINTS` points, in each stretch the lowest and the highest, so that no spike is lost."""
    if len(x) <= MAX_POINTS:
        return x, y
    stretch = math.ceil(2 * len(x) / MAX_POINTS)
    kept = {0, len(x) - 1}
    for start in range(0, len(x), stretch):
        places = range(start, min(start + stretch, len(x)))
        kept |= {min(places, key=y.__getitem__), max(places, key=y.__getitem__)}
    order = sorted(kept)
    return [x[i] for i in order], [y[i] for i in order]


def _name_rows(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), [shortened(label, LABEL_CHARS) for label in labels])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(labels) - 0.5, -0.5)


def _name_axes(axes: Axes, x_label: str, y_label: str | None) -> None:
    """Names and plain tick labels (`1.2k`), never scientific notation."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    named = [(axes.xaxis, x_label)] if y_label is None else [(axes.xaxis, x_label), (axes.yaxis, y_label)]
    for axis, label in named:
        axis.set_label_text(label, color=FAINT, fontsize=TICK_PT)
        axis.set_major_formatter(FuncFormatter(lambda value, _: numbers.compact(value, TICK_DIGITS)))
        axis.set_minor_formatter(NullFormatter())


def _empty(description: str) -> Svg:
    with canvas(0.8) as (figure, axes):
        axes.set_axis_off()
        axes.text(
            0.5, 0.5, "nothing to draw", ha="center", va="center", color=FAINT, transform=axes.transAxes
        )
        return to_svg(figure, description)
