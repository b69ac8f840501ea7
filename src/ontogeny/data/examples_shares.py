"""A share of labelled examples: whole groups, of each label as many as its share, the same for the same examples.

The share of a label is rounded so that the shares add up to that of all (largest remainders). Which groups are taken
follows from the seed and from what the examples say, never from the order in which they came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blake3 import blake3

from ontogeny.core.seeds import derive_seed


@dataclass(frozen=True)
class Group:
    """Examples that must not be torn apart: a name made of what they say, their positions, and their label.

    The label is the one that most of them have; None where texts may have several.
    """

    name: str
    rows: tuple[int, ...]
    label: str | None


def groups_of(keys: Sequence[str], groups: Sequence[str], labels: Sequence[tuple[str, ...]]) -> list[Group]:
    """n examples by what holds them together: one group, or one text (`keys`), or both by way of others."""
    leader: dict[tuple[str, str], tuple[str, str]] = {}

    def find(node: tuple[str, str]) -> tuple[str, str]:
        while (above := leader.setdefault(node, node)) != node:
            leader[node] = leader[above]
            node = above
        return node

    for key, group in zip(keys, groups, strict=True):
        leader[find(("text", key))] = find(("group", group))
    together: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(keys):
        together.setdefault(find(("text", key)), []).append(row)
    several = any(len(each) != 1 for each in labels)
    return [
        Group(
            min(keys[row] for row in rows),
            tuple(rows),
            None if several else _most_common(labels[row][0] for row in rows),
        )
        for rows in together.values()
    ]


def chosen(groups: Sequence[Group], fraction: float, *, seed: int, purpose: str) -> list[Group]:
    """About `fraction` of the examples of each label, in whole groups; of no label all groups."""
    by_label: dict[str | None, list[Group]] = {}
    for group in sorted(groups, key=lambda each: _place(each, seed, purpose)):
        by_label.setdefault(group.label, []).append(group)
    size = {label: sum(len(each.rows) for each in its) for label, its in by_label.items()}
    wanted = shares({label or "": count for label, count in size.items()}, fraction)
    return [each for label, its in by_label.items() for each in _first(its, wanted[label or ""])]


def shares(sizes: dict[str, int], fraction: float) -> dict[str, int]:
    """How many to take of each, so that together they are `fraction` of all: at least one, and never all of one."""
    total = max(1, round(fraction * sum(sizes.values())))
    wanted = {name: min(int(fraction * size), size - 1) for name, size in sizes.items()}
    open_ = sorted(
        (name for name in sizes if wanted[name] < sizes[name] - 1),
        key=lambda name: (-(fraction * sizes[name] - wanted[name]), name),
    )
    for name in open_[: max(0, total - sum(wanted.values()))]:
        wanted[name] += 1
    return wanted


def _first(groups: Sequence[Group], wanted: int) -> list[Group]:
    """Groups in their order as long as they bring the number of examples nearer to `wanted`; never the last one."""
    taken: list[Group] = []
    count = 0
    for group in groups[:-1]:
        if count + len(group.rows) / 2 <= wanted and count < wanted:
            taken.append(group)
            count += len(group.rows)
    return taken


def _place(group: Group, seed: int, purpose: str) -> bytes:
    return blake3(f"{derive_seed(seed, purpose)}\x1f{group.name}".encode()).digest()


def _most_common(labels: Iterable[str]) -> str:
    counts = Counter(labels)
    return min(counts, key=lambda name: (-counts[name], name))
