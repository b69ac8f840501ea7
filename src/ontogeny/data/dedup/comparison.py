"""Which candidates are compared: those that can change what stays, or what is linked with what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.dedup.lsh import LEADERS
from ontogeny.data.dedup.settle import BySize, Places, Settled, proposals, settle
from ontogeny.data.dedup.spill import PLACE_BITS, PLACE_MASK, Pairs, Spool, first_of, second_of
from ontogeny.data.dedup.verify import VERIFIED, Verified

MAX_ROUNDS = 16
"""Rounds of comparing documents that stay with copies found meanwhile; the first few find nearly all."""

SEEN = np.uint8(0x80)
"""Beside the number of a document's candidates, which is counted up to LEADERS + 1."""

LINKED_AT_ONCE = 1 << 14
"""Pairs of which those within one cluster are left out together."""


class Comparison:
    """The pairs of `candidates` (sorted) that `compare` finds to be duplicates, as far as they matter.

    Of the documents at the first `old` places nothing is to be decided.
    """

    def __init__(
        self,
        candidates: Spool[np.uint64],
        compare: Callable[[Pairs], Iterable[Verified]],
        by_size: BySize,
        old: int = 0,
    ) -> None:
        self.verified = Spool[np.void](VERIFIED)
        self._compare, self._by_size, self._old = compare, by_size, old
        self._known = [candidates]
        self._waiting = Spool[np.uint64](np.uint64)

    def keepers(self) -> Places:
        """The place of the copy that stays for each document, as after comparing all candidates; KEPT where it stays.

        Then documents that stay are compared with the copies that stand for those which they could have gone for.
        """
        counts = np.zeros(len(self._by_size.place), dtype=np.uint8)
        for pairs in self._known[0].blocks():
            _count_candidates(pairs, counts)
        for pairs in self._known[0].blocks():
            self._compare_now(pairs, first_of_each(pairs, counts))
        del counts
        for _ in range(MAX_ROUNDS):
            settled = self._settled()
            fresh = self._proposed(settled)
            if not len(fresh):
                return settled.keeper
            del settled
            self._known.append(fresh)
            for pairs in fresh.blocks():
                self._add(pairs)
        return self._settled().keeper

    def linked(self) -> Places:
        """The best document that each is linked with by verified pairs, however far; after `keepers`."""
        best = np.arange(len(self._by_size.place), dtype=np.int32)
        for some in self.verified.blocks():
            _link(some["better"], some["worse"], best)
        for block in self._waiting.blocks():
            for start in range(0, len(block), LINKED_AT_ONCE):
                pairs = block[start : start + LINKED_AT_ONCE]
                for some in self._compare(pairs[_apart(pairs, best)]):
                    _link(some["better"], some["worse"], best)
        _finish(best)
        return best

    def _settled(self) -> Settled:
        """Settle, and compare what waits and can change the outcome, until nothing can.

        The outcome is that of comparing all: the first turn looks only at pairs of which one stands it, the others
        only at pairs of which one stays or stood it.
        """
        while True:
            settled = settle(self.verified, self._by_size)
            waiting, before = self._waiting, len(self._waiting)
            self._waiting = Spool[np.uint64](np.uint64)
            for pairs in waiting.blocks():
                self._compare_now(pairs, settled.matter(first_of(pairs)) | settled.matter(second_of(pairs)))
            if len(self._waiting) == before:
                return settled

    def _compare_now(self, pairs: Pairs, now: npt.NDArray[np.bool_]) -> None:
        """Compare those of `pairs`; the others wait."""
        self._add(pairs[now])
        self._waiting.add(pairs[~now])

    def _add(self, pairs: Pairs) -> None:
        for some in self._compare(pairs):
            self.verified.add(some)

    def _proposed(self, settled: Settled) -> Spool[np.uint64]:
        fresh = Spool[np.uint64](np.uint64)
        for pairs in proposals(self.verified, settled):
            fresh.add(self._unknown(pairs[second_of(pairs) >= self._old]))
        return fresh

    def _unknown(self, pairs: Pairs) -> Pairs:
        """Those of sorted `pairs` that were no candidates before."""
        for known in self._known:
            for block in known.blocks():
                places = np.minimum(np.searchsorted(block, pairs), len(block) - 1)
                pairs = pairs[block[places] != pairs]
        return pairs


@njit(cache=True, nogil=True)
def _count_candidates(pairs: Pairs, counts: npt.NDArray[np.uint8]) -> None:
    """Count the better candidates of each document, those beyond LEADERS as one."""
    for pair in pairs:
        worse = pair & PLACE_MASK
        if counts[worse] <= LEADERS:
            counts[worse] += 1


@njit(cache=True, nogil=True)
def first_of_each(pairs: Pairs, counts: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which pairs to compare first: of a document with many candidates, the pair with the best of them only.

    In a crowd of copies that is all it takes. `counts` (n,) are those of all candidates.
    """
    first = np.empty(len(pairs), dtype=np.bool_)
    for number in range(len(pairs)):
        worse = pairs[number] & PLACE_MASK
        first[number] = counts[worse] <= LEADERS
        if counts[worse] == LEADERS + 1:
            first[number] = True
            counts[worse] |= SEEN
    return first


@njit(cache=True, nogil=True)
def _link(better: npt.NDArray[np.uint32], worse: npt.NDArray[np.uint32], best: Places) -> None:
    """Link documents in `best` (n,), which leads from each to the first that it is linked with, itself or another.

    A forest of which every tree hangs from its first member; paths are halved on the way (Tarjan and van Leeuwen 1984).
    """
    for number in range(len(better)):
        one, other = _root(better[number], best), _root(worse[number], best)
        best[max(one, other)] = min(one, other)


@njit(cache=True, nogil=True)
def _root(place: np.integer[Any], best: Places) -> np.int32:
    root = np.int32(place)
    while best[root] != root:
        best[root] = best[best[root]]
        root = best[root]
    return root


@njit(cache=True, nogil=True)
def _apart(pairs: Pairs, best: Places) -> npt.NDArray[np.bool_]:
    """Which pairs are of documents that are not linked yet."""
    apart = np.empty(len(pairs), dtype=np.bool_)
    for number in range(len(pairs)):
        one, other = pairs[number] >> PLACE_BITS, pairs[number] & PLACE_MASK
        apart[number] = _root(one, best) != _root(other, best)
    return apart


@njit(cache=True, nogil=True)
def _finish(best: Places) -> None:
    """Have each document lead to the first of its tree in one step."""
    for place in range(len(best)):
        best[place] = best[best[place]]  # those before it are done
