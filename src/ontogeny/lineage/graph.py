"""The graph of artifacts: what one was made of, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sql

from ontogeny.lineage import ledger as tables
from ontogeny.lineage.workspace import Workspace


@dataclass(frozen=True)
class Node:
    """An artifact, with the digests that identify it."""

    name: str
    kind: str
    digest: str


@dataclass(frozen=True)
class Edge:
    """`parent` was used by `child` in `role`."""

    parent: str
    role: str
    child: str


@dataclass(frozen=True)
class Graph:
    """Nodes in the order they were recorded (parents before children), and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def lineage(workspace: Workspace, names: Iterable[str], *, direction: Literal["up", "down"]) -> Graph:
    """The artifacts `names` (full names), with all their ancestors (`up`) or descendants (`down`)."""
    table = tables.edges
    every = [Edge(row.parent, row.role, row.child) for row in workspace.ledger.read(sql.select(table))]
    found = set(names)
    frontier = list(found)
    while frontier:
        name = frontier.pop()
        reached = (
            {edge.parent for edge in every if edge.child == name}
            if direction == "up"
            else {edge.child for edge in every if edge.parent == name}
        )
        frontier += sorted(reached - found)
        found |= reached
    nodes = tuple(Node(row.name, row.kind, row.digest) for row in workspace.rows() if row.name in found)
    return Graph(nodes, tuple(edge for edge in every if edge.child in found and edge.parent in found))
