"""Best fit: an order of documents in which, laid end to end, they end where rows of the plan end.

A document that a row's end cuts is read as two, the second without its beginning. Ding et al. (2024, arXiv 2404.10830)
keep documents whole by packing them best-fit-decreasing into rows of their own and padding what is left. Here the rows
stay end to end, so nothing is padded, and only the order changes. Row by row, the room that is left goes to

1. a document of exactly its length;
2. else two that fill it together;
3. else the longest document that fits;
4. where none fits, a document longer than a row, which must be cut anyway: where there is one, a document that is in no
   more pieces for it, since the room takes what it has beyond whole rows; else the one that has the most beyond them;
5. where there is none either, the longest one left. So a document that would fit in a row is cut only when none shorter
   than the room and none longer than a row are left.

What is cut goes on in the next row. Lengths are classes that only ever empty, so "the longest that fits" is a find in a
disjoint-set forest (Tarjan, 1975): the time grows with the number of documents, not with its square.

This module imports numba; it is imported where an order is made.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from ontogeny.train.order import Int64s, permute

LOOKS = 256  # lengths tried for the first of two documents; more find hardly any more pairs


def fitting_order(length: Int64s, *, seq_len: int, key: int) -> Int64s:
    """(n,): positions of the documents of `length` (n,), each at least 1, in the order in which to lay them.

    Of equally long documents the first is taken first. `key` shuffles the places of those that a row holds whole, or
    its longest would always come first.
    """
    order, row, cut = _fill(length, seq_len, LOOKS)
    place = permute(np.arange(len(order), dtype=np.int64), size=len(order), key=key)
    return order[np.lexsort((place, cut, row))]


@numba.njit(cache=True, nogil=True)
def _fill(length: Int64s, seq_len: int, looks: int) -> tuple[Int64s, Int64s, npt.NDArray[np.bool_]]:
    """Documents as rows take them; the row each begins in; whether it was taken for want of one that fits.

    Class c in [1, seq_len] holds the documents of c tokens; class `longer` + r, r in [1, seq_len], those of more than
    seq_len, which have r beyond whole rows. Classes 0 and `longer` stay empty: to find one of them is to find nothing.
    """
    count, longer = len(length), seq_len + 1
    first = np.full(2 * longer, -1, np.int64)  # of each class
    following = np.full(count, -1, np.int64)  # the next of the same class
    for document in range(count - 1, -1, -1):
        own = length[document]
        if own > seq_len:
            own = longer + (own - 1) % seq_len + 1
        following[document] = first[own]
        first[own] = document
    below = np.arange(2 * longer)  # the way to the nearest class, at or below, that is not empty
    for own in range(2 * longer):
        if first[own] < 0 and own != 0 and own != longer:
            below[own] = below[own - 1]
    order, row = np.empty(count, np.int64), np.empty(count, np.int64)
    cut = np.zeros(count, np.bool_)
    current, room = 0, seq_len
    for place in range(count):
        own = _fitting(below, first, following, room, looks)
        if own == 0:
            cut[place] = True
            own = _find(below, longer + room)
            if own == longer:
                own = _find(below, longer + seq_len)
            if own == longer:
                own = _find(below, seq_len)
        document = first[own]
        first[own] = following[document]
        if first[own] < 0:
            below[own] = own - 1
        order[place], row[place] = document, current
        if length[document] < room:
            room -= length[document]
        else:
            rest = length[document] - room
            current += 1 + rest // seq_len
            room = seq_len - rest % seq_len
    return order, row, cut


@numba.njit(cache=True, nogil=True)
def _fitting(below: Int64s, first: Int64s, following: Int64s, room: int, looks: int) -> int:
    """The length of the document to put into `room` next; 0 where none fits."""
    longest = _find(below, room)
    one = longest
    for _ in range(looks):
        other = room - one
        if other == 0:
            return one
        if one == 0 or other > one:
            break
        if first[other] >= 0 and (other != one or following[first[other]] >= 0):
            return one
        one = _find(below, one - 1)
    return longest


@numba.njit(cache=True, nogil=True)
def _find(below: Int64s, own: int) -> int:
    """The nearest class at or below `own` that is not empty, or the empty one under all; shortens the way there."""
    root = own
    while below[root] != root:
        root = below[root]
    while below[own] != root:
        below[own], own = root, below[own]
    return root
