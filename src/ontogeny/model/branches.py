"""Attention where texts begin alike: what they share lies in a row once, and what follows it hangs from it as branches.

    Four choices after one question: the question's tokens, then those of each choice. A choice sees the question and
    itself, as if the two stood alone; whatever is not attention treats all of them as one row.

Tokens are computed once however many texts they begin, nothing is padded, and keys and values live no longer than their
layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ontogeny.model.causal import causal_attention

FAMILY_TOKENS = 256  # of siblings computed in one call: a mask costs its square, a call some 30 microseconds


class Segment(NamedTuple):
    """Tokens that follow each other, and what they follow."""

    length: int
    parent: int | None
    """The segment before them, which stands before them in `Branches`; None where a text begins."""


class Branches:
    """How the tokens of one row hang together: its segments in order, those of one parent being neighbours.

    Raises:
        ValueError: a parent that does not stand before its children.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = tuple(segments)
        self.begins: list[int] = []
        """The place of each segment's first token in the row."""
        self.depths: list[int] = []
        """How many tokens of its text stand before each segment."""
        end = 0
        for number, segment in enumerate(self.segments):
            if segment.parent is not None and not 0 <= segment.parent < number:
                raise ValueError(
                    f"segment {number} hangs from {segment.parent}, which does not stand before it"
                )
            self.begins.append(end)
            parent = segment.parent
            self.depths.append(0 if parent is None else self.depths[parent] + self.segments[parent].length)
            end += segment.length
        self.length = end
        """Tokens of the row."""
        ends = (depth + segment.length for depth, segment in zip(self.depths, self.segments, strict=True))
        self.longest = max(ends, default=0)
        """Tokens of the longest text."""

    def positions(self, device: torch.device) -> Tensor:
        """(1, T): the place of every token in its text."""
        parts = [
            torch.arange(depth, depth + segment.length, device=device)
            for depth, segment in zip(self.depths, self.segments, strict=True)
        ]
        return torch.cat(parts).unsqueeze(0)

    def path(self, segment: int) -> list[int]:
        """The segments before it, the first first, and itself."""
        found: list[int] = []
        at: int | None = segment
        while at is not None:
            found.append(at)
            at = self.segments[at].parent
        return found[::-1]

    def end(self, segment: int) -> int:
        """The place in the row behind its last token."""
        return self.begins[segment] + self.segments[segment].length


class Family(NamedTuple):
    """Neighbouring siblings, whose queries are computed in one call."""

    begin: int
    end: int
    """Their tokens in the row."""
    queries: slice
    """Those of them that look, among all that do."""
    before: tuple[tuple[int, int], ...]
    """(begin, end) of what all of them follow, the first first."""
    mask: Tensor | None
    """(T, S) added to scores, 0 or -inf; None where every token sees what stands before it, and nothing else does."""


def families(
    branches: Branches,
    *,
    window: int | None,
    device: torch.device,
    dtype: torch.dtype,
    at: Tensor | None = None,
) -> list[Family]:
    """What `attention_in_branches` computes at once.

    Args:
        window: how many tokens are seen, the current one included.
        at: (P,), rising, the places of the row that look; all of them when not given.
    """
    found = []
    for siblings in _groups(branches):
        parent = branches.segments[siblings[0]].parent
        path = [] if parent is None else branches.path(parent)
        spans = tuple((branches.begins[each], branches.end(each)) for each in path)
        begin, end = branches.begins[siblings[0]], branches.end(siblings[-1])
        queries, rows = slice(begin, end), None
        if at is not None:
            first, behind = torch.searchsorted(at, torch.tensor([begin, end], device=device)).tolist()
            queries, rows = slice(first, behind), at[first:behind] - begin
        if queries.start == queries.stop:
            continue
        mask = None
        length = branches.segments[siblings[0]].length
        if len(siblings) > 1 or path or (window is not None and length > window) or rows is not None:
            mask = _mask(branches, path, siblings, rows, window=window, device=device, dtype=dtype)
        found.append(Family(begin, end, queries, spans, mask))
    return found


def attention_in_branches(
    q: Tensor, k: Tensor, v: Tensor, families: Sequence[Family], *, scale: float | None = None
) -> Tensor:
    """Attention of q (1, H, P, D) over k, v (1, K, T, D), every token that looks over those of its text up to itself.

    Scores are multiplied with `scale`, 1 / sqrt(D) when not given.
    """
    return torch.cat([_of_family(q, k, v, family, scale) for family in families], dim=2)


def _of_family(q: Tensor, k: Tensor, v: Tensor, family: Family, scale: float | None) -> Tensor:
    queries = q[:, :, family.queries]
    keys, values = (_parts(each, [*family.before, (family.begin, family.end)]) for each in (k, v))
    if family.mask is None:
        return causal_attention(queries, keys, values, scale=scale)
    return F.scaled_dot_product_attention(
        queries, keys, values, attn_mask=family.mask, scale=scale, enable_gqa=q.shape[1] != k.shape[1]
    )


def _parts(each: Tensor, spans: Sequence[tuple[int, int]]) -> Tensor:
    """Of (1, K, T, D) the tokens of all `spans`, one behind the other."""
    parts = [each[:, :, begin:end] for begin, end in spans]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def _groups(branches: Branches) -> Iterator[list[int]]:
    """Neighbours of one parent, as many as `FAMILY_TOKENS` take; where texts begin, each alone: that needs no mask."""
    group: list[int] = []
    tokens = 0
    for number, segment in enumerate(branches.segments):
        alike = group and segment.parent is not None and branches.segments[group[0]].parent == segment.parent
        if group and not (alike and tokens + segment.length <= FAMILY_TOKENS):
            yield group
            group, tokens = [], 0
        group.append(number)
        tokens += segment.length
    if group:
        yield group


def _mask(
    branches: Branches,
    path: Sequence[int],
    siblings: Sequence[int],
    rows: Tensor | None,
    *,
    window: int | None,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """(T, S): each of `siblings` sees `path` and itself, up to the token that looks; of some `rows` (P,) only."""
    texts, places = [], []  # of every key: the sibling it belongs to (-1: all of them), its place in the text
    for number, owner in [*((each, -1) for each in path), *((each, each) for each in siblings)]:
        length, depth = branches.segments[number].length, branches.depths[number]
        texts.append(torch.full((length,), owner, device=device))
        places.append(torch.arange(depth, depth + length, device=device))
    text, place = torch.cat(texts), torch.cat(places)
    queries = len(text) - sum(branches.segments[each].length for each in siblings)
    own, here = text[queries:, None], place[queries:, None]
    if rows is not None:
        own, here = own[rows], here[rows]
    seen = ((text == own) | (text == -1)) & (place <= here)
    if window is not None:
        seen &= place > here - window
    return torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill_(~seen, float("-inf"))
