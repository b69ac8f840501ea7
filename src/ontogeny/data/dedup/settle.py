"""Which copies stay: every document that goes was itself compared with the one that stays for it.

Never by transitivity alone: a chain in which each resembles the next may begin and end with strangers (51,160 unrelated
books in one cluster, marin-community/marin#6854).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.dedup.lsh import PLACE_BITS, Pairs
from ontogeny.data.dedup.verify import Verified

KEPT = np.int64(-1)


@dataclass(frozen=True, eq=False)
class Settled:
    """What becomes of the `members` (k,) of any verified pair, by their places, ascending.

    `keeper` (k,) is the place of the copy that stays for each, and `pair` (k,) the number of the verified pair that
    says so; both are -1 for members that stay. `stood` (k,) says which stood the first turn.
    """

    members: npt.NDArray[np.uint32]
    keeper: npt.NDArray[np.int64]
    pair: npt.NDArray[np.int64]
    stood: npt.NDArray[np.bool_]

    def keeper_of(self, places: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        """The keeper of each of `places`, all of them members."""
        return self.keeper[np.searchsorted(self.members, places)]

    def matter(self, places: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
        """Whether each of `places` stays, or did after the first turn: a pair of two others can change nothing."""
        if not len(self.members):
            return np.ones(len(places), dtype=np.bool_)
        at = np.minimum(np.searchsorted(self.members, places), len(self.members) - 1)
        result: npt.NDArray[np.bool_] = (
            (self.members[at] != places) | self.stood[at] | (self.keeper[at] == KEPT)
        )
        return result


def settle(verified: Verified, size_of: Callable[[npt.NDArray[np.uint32]], npt.NDArray[np.int64]]) -> Settled:
    """Which copies stay, in turns:

    1. in the order of preference, a document goes for the best one before it that stays, where either could go;
    2. from the largest to the smallest, what stood the first turn goes for a larger document that contains it;
    3. where the copy that stood for a document went in the second turn, the document goes for any other that it was
       compared with and that stays, or else stays itself.

    `size_of` gives the sizes of the texts at places.
    """
    members = np.unique(np.concatenate([verified.better, verified.worse]))
    count = len(members)
    better = np.searchsorted(members, verified.better)
    worse = np.searchsorted(members, verified.worse)
    starts, numbers = _adjacency(better, worse, count)
    largest_first = np.lexsort((np.arange(count), -size_of(members)))
    turn = np.empty(count, dtype=np.int64)
    turn[largest_first] = np.arange(count)
    keeper, pair, stood = np.full(count, KEPT), np.full(count, KEPT), np.ones(count, dtype=np.bool_)
    goes = verified.better_goes, verified.worse_goes
    _settle(largest_first, turn, starts, numbers, better, worse, *goes, keeper, pair, stood)
    keeper[keeper != KEPT] = members[keeper[keeper != KEPT]]
    return Settled(members, keeper, pair, stood)


def proposals(verified: Verified, settled: Settled) -> Pairs:
    """Pairs worth comparing: a document that stays, and the copy that stands for one which it could have gone for."""
    parts = []
    ends = (
        (verified.better, verified.worse, verified.better_goes),
        (verified.worse, verified.better, verified.worse_goes),
    )
    for here, there, goes in ends:
        keeper = settled.keeper_of(there)
        chosen = goes & (settled.keeper_of(here) == KEPT) & (keeper != KEPT)
        stays, copy = here[chosen].astype(np.int64), keeper[chosen]
        first, second = np.minimum(stays, copy).astype(np.uint64), np.maximum(stays, copy).astype(np.uint64)
        parts.append((first << PLACE_BITS | second)[first != second])
    return np.unique(np.concatenate(parts))


def _adjacency(
    better: npt.NDArray[np.int64], worse: npt.NDArray[np.int64], count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The pairs of each member, by their numbers: those of member i are `numbers[starts[i]:starts[i + 1]]`.

    Ordered by the member at the other end.
    """
    ends, others = np.concatenate([better, worse]), np.concatenate([worse, better])
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends, minlength=count), out=starts[1:])
    return starts, np.tile(np.arange(len(better)), 2)[np.lexsort((others, ends))]


@njit(cache=True, nogil=True)
def _settle(
    largest_first: npt.NDArray[np.int64],
    turn: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    better: npt.NDArray[np.int64],
    worse: npt.NDArray[np.int64],
    better_goes: npt.NDArray[np.bool_],
    worse_goes: npt.NDArray[np.bool_],
    keeper: npt.NDArray[np.int64],
    pair: npt.NDArray[np.int64],
    stood: npt.NDArray[np.bool_],
) -> None:
    for place in range(len(keeper)):
        for number in numbers[starts[place] : starts[place + 1]]:
            other = better[number]
            if other != place and better_goes[number] and worse_goes[number] and keeper[other] == -1:
                keeper[place], pair[place], stood[place] = other, number, False
                break
    for place in largest_first:
        if keeper[place] != -1:
            continue
        for number in numbers[starts[place] : starts[place + 1]]:
            is_worse = worse[number] == place
            other = better[number] if is_worse else worse[number]
            goes = worse_goes[number] if is_worse else better_goes[number]
            if goes and turn[other] < turn[place] and keeper[other] == -1:
                keeper[place], pair[place] = other, number
                break
    homeless = np.empty(len(keeper), dtype=np.int64)
    count = 0
    for place in range(len(keeper)):
        if keeper[place] != -1 and keeper[keeper[place]] != -1:
            homeless[count] = place
            count += 1
    for place in homeless[:count]:
        found = np.int64(-1)
        for number in numbers[starts[place] : starts[place + 1]]:
            is_worse = worse[number] == place
            other = better[number] if is_worse else worse[number]
            goes = worse_goes[number] if is_worse else better_goes[number]
            if goes and keeper[other] == -1:
                found, pair[place] = other, number
                break
        keeper[place] = found
        if found == -1:
            pair[place] = -1
