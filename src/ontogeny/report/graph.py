"""The lineage of an artifact as a drawing.

Boxes coloured by kind, from raw material on the left to results on the right; roles on the edges.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ontogeny.report.canvas import Svg, series_colour
from ontogeny.report.layout import Layout, layered
from ontogeny.report.shapes import BOLD, fitted, shortened, text_width

NODE_WIDTH = 164.0
NODE_HEIGHT = 62.0
ROW_HEIGHT = 86.0
MARGIN = 12.0
LEAST_GAP = 52.0
LABEL_SPACE = 20.0
NAME_PX, TEXT_PX, ROLE_PX = 13.5, 11.0, 10.0
ROLE_AT = 0.62  # where on the last stretch of its edge a role stands
ROLE_CHARS = 12
PORT_STEP = 11.0  # between the arrowheads of edges that reach one node
ARROW = 7.0

# The colour of a kind, as the number of a series; kinds of one family share one.
KIND_COLOURS = {
    "corpus": 1, "examples": 1, "feedback": 1,
    "quality-classifier": 4,
    "tokenizer": 5, "tokens": 5,
    "model": 0, "adapter": 0, "classifier": 0, "reward-model": 0,
    "evaluation": 3, "drift-report": 3,
    "export": 2, "deployment": 2,
}  # fmt: skip
OTHER_COLOUR = 7


@dataclass(frozen=True)
class GraphNode:
    """An artifact. `figure` is its key metric, as text; `detail` is shown on pointing; `focus` draws it stronger.

    Where all names are of one recipe (`recipe/step@2`), the drawing leaves the recipe out.
    """

    id: str
    name: str
    kind: str
    figure: str = ""
    detail: str = ""
    focus: bool = False


@dataclass(frozen=True)
class GraphEdge:
    """`target` was made of `source`, which played `role`."""

    source: str
    target: str
    role: str = ""


def lineage_graph(nodes: Sequence[GraphNode], edges: Sequence[GraphEdge], *, title: str = "Lineage") -> Svg:
    """Draw the graph as an `<svg>` element in the colours of the page.

    A role is written on its edge unless it is the name of the source, which says it already.

    Raises:
        ValueError: an edge names an unknown node, or the edges form a cycle.
    """
    layout = layered([node.id for node in nodes], [(edge.source, edge.target) for edge in edges])
    names = {node.id: node.name for node in nodes}
    shown = _without_recipe(names)
    labels = {edge: _role_label(edge, shown[edge.source]) for edge in edges}
    gap = max([LEAST_GAP, *(text_width(label, ROLE_PX) + LABEL_SPACE for label in labels.values() if label)])
    width = 2 * MARGIN + layout.columns * (NODE_WIDTH + gap) - gap
    height = 2 * MARGIN + layout.depth * ROW_HEIGHT + NODE_HEIGHT
    ports = _ports(edges, layout)
    points = {edge: _points(edge, layout, gap, ports[edge]) for edge in edges}
    parts = [_edge(edge, names, points[edge]) for edge in edges]
    parts += [_role(labels[edge], points[edge]) for edge in edges if labels[edge]]
    parts += [_node(node, shown[node.id], layout, gap) for node in nodes]
    described = escape(f"{title}: {len(nodes)} artifacts, {len(edges)} links")
    return Svg(
        f'<svg class="graph" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{described}" '
        f'style="width: {width:.0f}px; max-width: 100%; min-width: {0.72 * width:.0f}px; height: auto" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{described}</title>{"".join(parts)}</svg>'
    )


def _node(node: GraphNode, shown: str, layout: Layout, gap: float) -> str:
    x = _left(layout.column[node.id], gap)
    y = MARGIN + layout.height[node.id] * ROW_HEIGHT
    colour = series_colour(KIND_COLOURS.get(node.kind, OTHER_COLOUR))
    inner = NODE_WIDTH - 24
    lines = [
        (shown, y + 21, f"font-size: {NAME_PX}px; font-weight: 600; fill: currentColor", NAME_PX * BOLD),
        (node.kind, y + 36.5, f"font-size: {TEXT_PX}px; fill: {colour}", TEXT_PX),
        (node.figure, y + 51.5, f"font-size: {TEXT_PX}px; fill: var(--muted, #666b74)", TEXT_PX),
    ]
    texts = "".join(
        f'<text x="{x + 15:.1f}" y="{line_y:.1f}" style="{style}">{escape(fitted(text, inner, size))}</text>'
        for text, line_y, style, size in lines
        if text
    )
    title = " · ".join(part for part in (node.name, node.kind, node.figure, node.detail) if part)
    return (
        f'<g><title>{escape(title)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{NODE_WIDTH:.0f}" '
        f'height="{NODE_HEIGHT:.0f}" rx="8" style="fill: var(--raised, #fff); '
        f'stroke: {colour if node.focus else "var(--rule, #e2e3e7)"}; stroke-width: {2 if node.focus else 1.2}"/>'
        f'<rect x="{x + 5:.1f}" y="{y + 10:.1f}" width="3" height="{NODE_HEIGHT - 20:.0f}" rx="1.5" '
        f'style="fill: {colour}"/>{texts}</g>'
    )


def _ports(edges: Sequence[GraphEdge], layout: Layout) -> dict[GraphEdge, float]:
    """How far from the middle of its target each edge ends, so that edges from above end above."""
    ports: dict[GraphEdge, float] = {}
    for target in dict.fromkeys(edge.target for edge in edges):
        arriving = [edge for edge in edges if edge.target == target]
        arriving.sort(key=lambda edge: layout.ways[edge.source, edge.target][-2][1])
        step = min(PORT_STEP, (NODE_HEIGHT - 16) / len(arriving))
        ports |= {edge: (place - (len(arriving) - 1) / 2) * step for place, edge in enumerate(arriving)}
    return ports


def _points(edge: GraphEdge, layout: Layout, gap: float, port: float) -> list[tuple[float, float]]:
    """The stops of the edge: out of its source, in and out of each column it passes, up to its arrowhead."""
    way = layout.ways[edge.source, edge.target]
    points = []
    for step, (column, row) in enumerate(way):
        y = MARGIN + row * ROW_HEIGHT + NODE_HEIGHT / 2
        if step == len(way) - 1:
            points.append((_left(column, gap) - ARROW, y + port))
        elif step > 0:
            points.append((_left(column, gap), y))
        if step < len(way) - 1:
            points.append((_left(column, gap) + NODE_WIDTH, y))
    return points


def _edge(edge: GraphEdge, names: dict[str, str], points: list[tuple[float, float]]) -> str:
    """A curve through `points` with an arrowhead at its end."""
    path = ["M{:.1f} {:.1f}".format(*points[0])]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        middle = (x0 + x1) / 2
        curve = f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        path.append(f"H{x1:.1f}" if y0 == y1 else curve)
    x, y = points[-1]
    title = f"{names[edge.source]} → {names[edge.target]}" + (f" ({edge.role})" if edge.role else "")
    return (
        f'<g><title>{escape(title)}</title><path d="{"".join(path)}" '
        'style="fill: none; stroke: var(--muted, #666b74); stroke-width: 1.2; opacity: 0.75"/>'
        f'<path d="M{x + ARROW:.1f} {y:.1f}l{-ARROW:.1f} -3.6v7.2z" style="fill: var(--muted, #666b74)"/></g>'
    )


def _role(label: str, points: list[tuple[float, float]]) -> str:
    """The role, on the last stretch of its edge, with a halo that parts it from the lines below."""
    (x0, y0), (x1, y1) = points[-2:]
    along = ROLE_AT * ROLE_AT * (3 - 2 * ROLE_AT)  # height of the curve of `_edge` at this parameter
    x, y = x0 + ROLE_AT * (x1 - x0), y0 + along * (y1 - y0)
    return (
        f'<text x="{x:.1f}" y="{y + 3:.1f}" text-anchor="middle" '
        f'style="font-size: {ROLE_PX}px; fill: var(--muted, #666b74); paint-order: stroke; '
        f'stroke: var(--paper, #fff); stroke-width: 3px">{escape(label)}</text>'
    )


def _left(column: int, gap: float) -> float:
    return MARGIN + column * (NODE_WIDTH + gap)


def _role_label(edge: GraphEdge, source_name: str) -> str:
    """The last part of a role such as `suites.0.data`; the whole of it is shown on pointing."""
    role = edge.role.rsplit(".", 1)[-1]
    return "" if role == source_name.split("@")[0] else shortened(role, ROLE_CHARS)


def _without_recipe(names: dict[str, str]) -> dict[str, str]:
    recipes = {name.rpartition("/")[0] for name in names.values()}
    return {node: name.rpartition("/")[2] for node, name in names.items()} if len(recipes) == 1 else names
