"""Where the nodes of a directed acyclic graph go: columns by depth, few crossings, straight long edges.

The method of Sugiyama, Tagawa and Toda (1981): longest-path layering, invisible nodes where an edge passes a column,
barycentre sweeps to order each column, then heights pulled towards the neighbours' without changing an order.
Deterministic: ties go to the order in which nodes were given.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

SWEEPS = 12
PULLS = 24
PASSAGE_SHARE = 0.36  # of a node's height that an edge takes where it passes a column


@dataclass(frozen=True)
class Layout:
    """`column` and `height` of each node (heights in node units, least 0); the way of each edge, both ends included."""

    column: Mapping[str, int]
    height: Mapping[str, float]
    ways: Mapping[tuple[str, str], tuple[tuple[int, float], ...]]

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return max(self.column.values(), default=-1) + 1

    @property
    def depth(self) -> float:
        """Distance of the lowest stop from the highest, in node units."""
        heights = [height for way in self.ways.values() for _, height in way] + list(self.height.values())
        return max(heights, default=0.0)


def layered(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> Layout:
    """Lay the graph out from left (sources) to right.

    Raises:
        ValueError: an edge names an unknown node, or the edges form a cycle.
    """
    targets: dict[str, set[str]] = {node: set() for node in nodes}
    sources: dict[str, set[str]] = {node: set() for node in nodes}
    for source, target in edges:
        if unknown := [node for node in (source, target) if node not in targets]:
            raise ValueError(f"an edge names {unknown[0]!r}, which is no node")
        targets[source].add(target)
        sources[target].add(source)
    column = _columns(sources)
    for node in nodes:  # what is made of nothing stands beside its first use, not far off at the left end
        if targets[node] and not sources[node]:
            column[node] = min(column[target] for target in targets[node]) - 1
    layers, links, ways = _with_passages(nodes, list(dict.fromkeys(edges)), column)
    _order(layers, links)
    height = _heights(layers, links)
    least = min(height.values(), default=0.0)
    placed = {
        edge: tuple((column[edge[0]] + step, height[stop] - least) for step, stop in enumerate(way))
        for edge, way in ways.items()
    }
    return Layout(column, {node: height[node] - least for node in nodes}, placed)


def _columns(sources: Mapping[str, set[str]]) -> dict[str, int]:
    """How many edges the longest way to each node has, by the nodes before it."""
    order = TopologicalSorter(sources)
    try:
        order.prepare()
    except CycleError as error:
        raise ValueError("the edges form a cycle") from error
    column: dict[str, int] = {}
    depth = 0
    while layer := order.get_ready():
        column |= dict.fromkeys(layer, depth)
        order.done(*layer)
        depth += 1
    return {node: column[node] for node in sources}


_Stop = Hashable  # a node's name, or (source, target, column) where an edge passes a column
_Links = dict[_Stop, tuple[list[_Stop], list[_Stop]]]  # neighbours in the column before and after


def _with_passages(
    nodes: Sequence[str], edges: Sequence[tuple[str, str]], column: Mapping[str, int]
) -> tuple[list[list[_Stop]], _Links, dict[tuple[str, str], list[_Stop]]]:
    """Columns of stops, their neighbours, and the stops of each edge."""
    layers: list[list[_Stop]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    links: _Links = {}
    for node in nodes:
        layers[column[node]].append(node)
        links[node] = ([], [])
    ways: dict[tuple[str, str], list[_Stop]] = {}
    for source, target in edges:
        way: list[_Stop] = [source]
        for between in range(column[source] + 1, column[target]):
            stop = (source, target, between)
            layers[between].append(stop)
            links[stop] = ([], [])
            way.append(stop)
        way.append(target)
        ways[source, target] = way
        for before, after in itertools.pairwise(way):
            links[before][1].append(after)
            links[after][0].append(before)
    return layers, links, ways


def _order(layers: list[list[_Stop]], links: _Links) -> None:
    """Sort each column by its neighbours' mean place, to and fro; keep the order that crosses least."""
    best, fewest = [list(layer) for layer in layers], _crossings(layers, links)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for layer in layers[1:] if forward else layers[-2::-1]:
            place = {stop: position for other in layers for position, stop in enumerate(other)}
            centre = {}
            for stop in layer:
                beside = links[stop][0 if forward else 1]
                centre[stop] = (
                    sum(place[other] for other in beside) / len(beside) if beside else float(place[stop])
                )
            layer.sort(key=centre.__getitem__)
        if (crossings := _crossings(layers, links)) < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    for layer, kept in zip(layers, best, strict=True):
        layer[:] = kept


def _crossings(layers: list[list[_Stop]], links: _Links) -> int:
    """How many pairs of edges between neighbouring columns cross."""
    total = 0
    for left, right in itertools.pairwise(layers):
        place = {stop: position for position, stop in enumerate(right)}
        ends = [sorted(place[after] for after in links[stop][1]) for stop in left]
        seen: list[int] = []
        for group in ends:
            total += sum(1 for end in group for earlier in seen if earlier > end)
            seen.extend(group)
    return total


def _heights(layers: list[list[_Stop]], links: _Links) -> dict[_Stop, float]:
    """A height for each stop, near the mean of its neighbours'; no two of a column overlap."""
    height: dict[_Stop, float] = {}
    places = [_stacked(layer) for layer in layers]
    for layer, offsets in zip(layers, places, strict=True):
        height |= {stop: offset - offsets[-1] / 2 for stop, offset in zip(layer, offsets, strict=True)}
    for pull in range(PULLS):
        for layer, offsets in list(zip(layers, places, strict=True))[:: 1 if pull % 2 == 0 else -1]:
            wished = []
            for stop in layer:
                beside = links[stop][0] + links[stop][1]
                wished.append(
                    sum(height[other] for other in beside) / len(beside) if beside else height[stop]
                )
            height |= dict(zip(layer, _spread(wished, offsets), strict=True))
    return height


def _stacked(layer: Sequence[_Stop]) -> list[float]:
    """The heights of a column's stops when each stands as close above the next as it may."""
    sizes = [1.0 if isinstance(stop, str) else PASSAGE_SHARE for stop in layer]
    offsets = [0.0]
    for above, below in itertools.pairwise(sizes):
        offsets.append(offsets[-1] + (above + below) / 2)
    return offsets[: len(sizes)]


def _spread(wished: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The heights nearest to the wished ones, in least squares, that are as far apart as `offsets` at least.

    Less the offsets this is isotonic regression, solved by pooling adjacent violators.
    """
    pools: list[list[float]] = []  # [sum, count] of wished heights, each less its offset
    for wish, offset in zip(wished, offsets, strict=True):
        pools.append([wish - offset, 1.0])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    level = [total / count for total, count in pools for _ in range(int(count))]
    return [value + offset for value, offset in zip(level, offsets, strict=True)]
