"""Which tokens of many texts have to be computed: what texts begin with alike, once.

    layout = lay_out(texts)                       # sorted and without copies
    states = model.hidden(layout.tokens, branches=layout.branches)
    states[0, layout.rows[i]]                     # those of texts[i], from its first token to its last

The choices of a question share the question, and the questions of a suite its examples, whoever made them and wherever
the tokenizer drew the line between prompt and answer: what counts is the tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ontogeny.model.branches import Branches, Segment

LEAST_SHARED = 8  # tokens: below that another call of attention costs more than they do

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Texts as one row of tokens."""

    tokens: Tensor
    """(1, T) int64."""
    branches: Branches
    rows: tuple[Ids, ...]
    """For each text the places (L,) of its tokens in the row."""


def passes(texts: Sequence[Ids], *, tokens: int) -> Iterator[range]:
    """Runs of `texts`, which are sorted, each of about `tokens` tokens to compute and of one text at least."""
    begin, cost = 0, 0
    for number, text in enumerate(texts):
        new = len(text) - (shared_length(texts[number - 1], text) if number > begin else 0)
        if number > begin and cost + new > tokens:
            yield range(begin, number)
            begin, cost, new = number, 0, len(text)
        cost += new
    if begin < len(texts):
        yield range(begin, len(texts))


def lay_out(texts: Sequence[Ids]) -> Layout:
    """Put `texts`, which are sorted, all different and none of them empty, into one row."""
    root = _Node(0, 0, 0, None)
    ends: list[_Node] = []
    for number, text in enumerate(texts):
        shared = shared_length(texts[number - 1], text) if number else 0
        above = _part_at(ends[-1], shared) if shared >= LEAST_SHARED else root
        ends.append(above.extended(number, len(text)))
    segments: list[Segment] = []
    parts: list[Ids] = []
    numbers = {id(root): -1}
    level = [root]
    while level:  # breadth first, so that siblings are neighbours
        level = [child for node in level for child in node.children]
        for node in level:
            numbers[id(node)] = len(segments)
            above_number = numbers[id(node.parent)]
            segments.append(Segment(node.end - node.begin, above_number if above_number >= 0 else None))
            parts.append(texts[node.text][node.begin : node.end])
    branches = Branches(segments)
    rows = tuple(_rows(branches, numbers[id(node)]) for node in ends)
    return Layout(torch.from_numpy(np.concatenate(parts)).unsqueeze(0), branches, rows)


@dataclass(eq=False)
class _Node:
    """Tokens `begin` to `end` of `text`, and of every text below."""

    text: int
    begin: int
    end: int
    parent: _Node | None
    children: list[_Node] = field(default_factory=list)

    def extended(self, text: int, end: int) -> _Node:
        """The node with which `text` ends, which goes on from here."""
        child = _Node(text, self.end, end, self)
        self.children.append(child)
        return child


def _part_at(end: _Node, shared: int) -> _Node:
    """The node above `end`, or itself, that ends where `shared` tokens are read; made by parting one if worth it."""
    node = end
    while node.begin >= shared and node.parent is not None:
        node = node.parent
    if node.end == shared:
        return node
    above = node.parent
    assert above is not None, "the root is empty"
    if shared - node.begin < LEAST_SHARED:
        return above
    upper = _Node(node.text, node.begin, shared, above, [node])
    above.children[above.children.index(node)] = upper
    node.begin, node.parent = shared, upper
    return upper


def shared_length(a: Ids, b: Ids) -> int:
    """How many tokens both begin with."""
    shorter = min(len(a), len(b))
    different = np.flatnonzero(a[:shorter] != b[:shorter])
    return int(different[0]) if len(different) else shorter


def _rows(branches: Branches, last: int) -> Ids:
    return np.concatenate(
        [np.arange(branches.begins[each], branches.end(each)) for each in branches.path(last)]
    )
