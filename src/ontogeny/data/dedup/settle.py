"""Which copies stay: every document that goes was itself compared with the one that stays for it.

Never by transitivity alone: a chain in which each resembles the next may begin and end with strangers (51,160 unrelated
books in one cluster, marin-community/marin#6854).

Documents are called by their place in the order of preference. Each turn passes once over the verified pairs, sorted as
it needs them (on disk, where they are many); what it knows of a document is a few bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.dedup.spill import PLACE_BITS, PLACE_MASK, Pairs, SortedPairs, Spool, packed
from ontogeny.data.dedup.verify import Verified
from ontogeny.data.order import places_in, sort_by

KEPT = np.int32(-1)

Places = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class BySize:
    """The n places from the largest text to the smallest (`place`), and where each stands among them (`turn`)."""

    place: Places
    turn: Places

    @classmethod
    def of(cls, size_bytes: npt.NDArray[np.uint32], old: int = 0) -> BySize:
        """`size_bytes` (n,) are those of the texts at each place; of equal ones the first comes first.

        The first `old` places count as the largest: others may go for them, and they for none.
        """
        place = np.arange(len(size_bytes), dtype=np.int32)
        if len(place):
            sort_by(place, ~size_bytes)
        if old:
            fresh = np.ones(len(place), dtype=np.uint32)
            fresh[:old] = 0
            sort_by(place, fresh)
        return cls(place, places_in(place))


@dataclass(frozen=True, eq=False)
class Settled:
    """What becomes of n documents, by their places.

    `keeper` (n,) is the place of the copy that stays for each, KEPT for those that stay. `stood` (n,) says which stood
    the first turn.
    """

    keeper: Places
    stood: npt.NDArray[np.bool_]

    def matter(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether each of `places` stays, or did after the first turn: a pair of two others can change nothing."""
        result: npt.NDArray[np.bool_] = self.stood[places] | (self.keeper[places] == KEPT)
        return result


def settle(verified: Spool[np.void], by_size: BySize) -> Settled:
    """Which copies stay, in turns:

    1. in the order of preference, a document goes for the best one before it that stays, where either could go;
    2. from the largest to the smallest, what stood the first turn goes for a larger document that contains it;
    3. where the copy that stood for a document went in the second turn, the document goes for any other that it was
       compared with and that stays, or else stays itself.
    """
    keeper = np.full(len(by_size.place), KEPT, dtype=np.int32)
    for pairs in _directed(verified, _either_goes):
        _first_turn(pairs, keeper)
    stood = keeper == KEPT
    for pairs in _directed(verified, lambda some: _to_larger(some, stood, by_size.turn)):
        _second_turn(pairs, by_size.place, keeper)
    homeless = np.zeros(len(keeper), dtype=np.bool_)
    if _find_homeless(keeper, homeless):
        last = np.full(1, -1, dtype=np.int64)
        for pairs in _directed(verified, lambda some: _from_homeless(some, homeless)):
            _third_turn(pairs, last, keeper)
    return Settled(keeper, stood)


def proposals(verified: Spool[np.void], settled: Settled) -> Iterator[Pairs]:
    """Pairs worth comparing: a document that stays, and the copy that stands for one which it could have gone for."""
    fresh = SortedPairs()
    for some in verified.blocks():
        for here, there, goes in _both_ways(some):
            keeper = settled.keeper[there]
            chosen = goes & (settled.keeper[here] == KEPT) & (keeper != KEPT)
            stays, copy = here[chosen], keeper[chosen]
            pairs = packed(np.minimum(stays, copy), np.maximum(stays, copy))
            fresh.add(pairs[stays != copy])
    yield from fresh.blocks()


def _both_ways(some: Verified) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Any]]:
    """Of each pair the one document, the other, and whether the one may go; then the other way round."""
    better, worse = some["better"].astype(np.int64), some["worse"].astype(np.int64)
    yield worse, better, some["worse_goes"]
    yield better, worse, some["better_goes"]


def _directed(verified: Spool[np.void], chosen: Callable[[Verified], Iterator[Pairs]]) -> Iterator[Pairs]:
    """The pairs `chosen` of all, sorted."""
    every = SortedPairs()
    for some in verified.blocks():
        for pairs in chosen(some):
            every.add(pairs)
    yield from every.blocks()


def _either_goes(some: Verified) -> Iterator[Pairs]:
    """Pairs of which either could go, as (worse, better)."""
    both = some[some["worse_goes"] & some["better_goes"]]
    yield packed(both["worse"], both["better"])


def _to_larger(some: Verified, stood: npt.NDArray[np.bool_], turn: Places) -> Iterator[Pairs]:
    """Pairs of which the smaller may go, and both `stood`, as (the turn of the smaller, the place of the larger)."""
    for here, there, goes in _both_ways(some):
        chosen = goes & stood[here] & stood[there] & (turn[there] < turn[here])
        yield packed(turn[here[chosen]], there[chosen])


def _from_homeless(some: Verified, homeless: npt.NDArray[np.bool_]) -> Iterator[Pairs]:
    """Pairs of which one is `homeless` and may go, as (the homeless, the other)."""
    for here, there, goes in _both_ways(some):
        chosen = goes & homeless[here]
        yield packed(here[chosen], there[chosen])


@njit(cache=True, nogil=True)
def _first_turn(pairs: Pairs, keeper: Places) -> None:
    for pair in pairs:
        worse, better = pair >> PLACE_BITS, pair & PLACE_MASK
        if keeper[worse] == KEPT and keeper[better] == KEPT:
            keeper[worse] = better


@njit(cache=True, nogil=True)
def _second_turn(pairs: Pairs, by_turn: Places, keeper: Places) -> None:
    for pair in pairs:
        smaller, larger = by_turn[pair >> PLACE_BITS], pair & PLACE_MASK
        if keeper[smaller] == KEPT and keeper[larger] == KEPT:
            keeper[smaller] = larger


@njit(cache=True, nogil=True)
def _find_homeless(keeper: Places, homeless: npt.NDArray[np.bool_]) -> bool:
    """Mark those whose keeper went itself; whether there are any."""
    found = False
    for place in range(len(keeper)):
        if keeper[place] != KEPT and keeper[keeper[place]] != KEPT:
            homeless[place] = found = True
    return found


@njit(cache=True, nogil=True)
def _third_turn(pairs: Pairs, last: npt.NDArray[np.int64], keeper: Places) -> None:
    """`last` (1,) is the document of the pair before: at its first pair, each stays until another is found."""
    for pair in pairs:
        place, other = np.int64(pair >> PLACE_BITS), pair & PLACE_MASK
        if place != last[0]:
            keeper[place], last[0] = KEPT, place
        if keeper[place] == KEPT and keeper[other] == KEPT:
            keeper[place] = other
