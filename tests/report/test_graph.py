"""The lineage drawing: well formed, escaped, named, inside its frame."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from ontogeny.report.graph import NODE_HEIGHT, NODE_WIDTH, GraphEdge, GraphNode, lineage_graph

SVG = "{http://www.w3.org/2000/svg}"
NODES = [
    GraphNode("c", "corpus", "corpus", "2.2 MB", detail="blake3:12"),
    GraphNode("b", "base", "model", "2.05 bits/byte", focus=True),
    GraphNode("x", "odd", "unknown-kind"),
]
EDGES = [GraphEdge("c", "b", "corpus"), GraphEdge("c", "x", "suites.0.data"), GraphEdge("b", "x", "model")]


def test_nodes_and_edges_are_named() -> None:
    root = ET.fromstring(lineage_graph(NODES, EDGES))
    titles = [element.text for element in root.iter(f"{SVG}title")]
    assert "corpus · corpus · 2.2 MB · blake3:12" in titles
    assert "corpus → odd (suites.0.data)" in titles
    assert root.attrib["aria-label"] == "Lineage: 3 artifacts, 3 links"


def test_roles_are_short_and_said_once() -> None:
    texts = [element.text for element in ET.fromstring(lineage_graph(NODES, EDGES)).iter(f"{SVG}text")]
    assert "data" in texts and "model" in texts
    assert texts.count("corpus") == 2, "name and kind of the node, not its role again"


def test_a_common_recipe_is_left_out() -> None:
    nodes = [GraphNode("c", "tutor/corpus@1", "corpus"), GraphNode("b", "tutor/base@2", "model")]
    edges = [GraphEdge("c", "b", "corpus")]
    root = ET.fromstring(lineage_graph(nodes, edges))
    assert [element.text for element in root.iter(f"{SVG}text")] == ["corpus@1", "corpus", "base@2", "model"]
    assert "tutor/corpus@1 → tutor/base@2 (corpus)" in [element.text for element in root.iter(f"{SVG}title")]
    outside = [*nodes, GraphNode("x", "import/smol@1", "model")]
    texts = [element.text for element in ET.fromstring(lineage_graph(outside, edges)).iter(f"{SVG}text")]
    assert "tutor/corpus@1" in texts and "import/smol@1" in texts


def test_everything_lies_inside_the_frame() -> None:
    root = ET.fromstring(lineage_graph(NODES, EDGES))
    _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
    boxes = [box for box in root.iter(f"{SVG}rect") if float(box.attrib["width"]) == NODE_WIDTH]
    assert len(boxes) == len(NODES)
    for box in boxes:
        assert 0 <= float(box.attrib["x"]) <= width - NODE_WIDTH
        assert 0 <= float(box.attrib["y"]) <= height - NODE_HEIGHT


def test_names_are_escaped_and_long_ones_shortened() -> None:
    hostile = '<script>"' + "long" * 30
    svg = lineage_graph([GraphNode("a", hostile, hostile, hostile)], [], title=hostile)
    root = ET.fromstring(svg)
    assert "<script" not in svg
    assert any(element.text and hostile in element.text for element in root.iter(f"{SVG}title"))
    assert all(len(element.text or "") < 40 for element in root.iter(f"{SVG}text"))


def test_two_roles_of_one_input_are_two_edges() -> None:
    root = ET.fromstring(
        lineage_graph(NODES[:2], [GraphEdge("c", "b", "tokens"), GraphEdge("c", "b", "replay")])
    )
    assert {"tokens", "replay"} <= {element.text for element in root.iter(f"{SVG}text")}
    assert len(list(root.iter(f"{SVG}path"))) == 4


def test_an_empty_graph_is_a_drawing() -> None:
    assert ET.fromstring(lineage_graph([], [])).tag == f"{SVG}svg"
