"""Layered layout: laws that hold for any graph, and small graphs whose best drawing is known."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.report.layout import PASSAGE_SHARE, _spread, layered


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    count = draw(st.integers(1, 9))
    nodes = [f"n{place}" for place in range(count)]
    pairs = list(itertools.combinations(nodes, 2))
    return nodes, draw(st.lists(st.sampled_from(pairs), max_size=14)) if pairs else []


@given(graphs())
def test_edges_lead_right_and_nodes_do_not_touch(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    nodes, edges = graph
    layout = layered(nodes, edges)
    assert set(layout.column) == set(layout.height) == set(nodes)
    for source, target in edges:
        way = layout.ways[source, target]
        assert way[0] == (layout.column[source], layout.height[source])
        assert way[-1] == (layout.column[target], layout.height[target])
        assert [column for column, _ in way] == list(range(way[0][0], way[-1][0] + 1))
        assert len(way) >= 2
    for a, b in itertools.combinations(nodes, 2):
        if layout.column[a] == layout.column[b]:
            assert abs(layout.height[a] - layout.height[b]) >= 1 - 1e-9
    passages = [(column, height) for way in layout.ways.values() for column, height in way[1:-1]]
    for (column, height), node in itertools.product(passages, nodes):
        if layout.column[node] == column:
            assert abs(layout.height[node] - height) >= (1 + PASSAGE_SHARE) / 2 - 1e-9
    assert min(height for way in [*layout.ways.values(), layout.height.items()] for _, height in way) >= -1e-9


@given(graphs())
def test_the_layout_is_a_function_of_the_graph(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    assert layered(*graph) == layered(*graph)


def test_a_chain_is_a_straight_line() -> None:
    layout = layered(["a", "b", "c"], [("a", "b"), ("b", "c")])
    assert (layout.columns, layout.depth) == (3, 0.0)


def test_parallel_chains_do_not_cross() -> None:
    layout = layered(["a", "b", "c", "d"], [("a", "d"), ("b", "c")])
    assert (layout.height["a"] < layout.height["b"]) == (layout.height["d"] < layout.height["c"])


def test_what_is_made_of_nothing_stands_beside_its_first_use() -> None:
    layout = layered(["corpus", "tokens", "base", "tutor", "questions"], [
        ("corpus", "tokens"), ("tokens", "base"), ("base", "tutor"), ("questions", "tutor"),
    ])  # fmt: skip
    assert layout.column["questions"] == layout.column["base"]


def test_no_nodes_need_no_place() -> None:
    layout = layered([], [])
    assert (layout.columns, layout.depth) == (0, 0.0)


def test_spreading_is_the_least_movement() -> None:
    assert _spread([0.0, 0.0, 5.0], [0.0, 1.0, 2.0]) == pytest.approx([-0.5, 0.5, 5.0])


def test_unknown_nodes_and_cycles_are_refused() -> None:
    with pytest.raises(ValueError, match="an edge names 'x', which is no node"):
        layered(["a"], [("x", "a")])
    with pytest.raises(ValueError, match="the edges form a cycle"):
        layered(["a", "b"], [("a", "b"), ("b", "a")])
