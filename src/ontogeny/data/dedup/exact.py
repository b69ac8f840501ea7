"""Exact duplicates and repeated ids: in the order of digests, equal contents are neighbours.

The document with the smallest `doc_id` stays, whatever order the sources were read in, but for one of a corpus made
before, which comes first. Documents are looked at a block at a time: neighbours, or those with ids of one range.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ontogeny.data.decide import KEPT, OLD, Decisions, Reason
from ontogeny.data.dedup.against import EXACT_DUPLICATE_OF_OLD
from ontogeny.data.order import blocks

EXACT_DUPLICATE = "exact_duplicate"

RANGE_ROWS = 1 << 19
"""Documents whose ids are compared at once, about: ids are digests, and fill their range evenly."""


def drop_exact_duplicates(found: Decisions, *, all_copies: bool) -> None:
    """Of kept documents with one digest only the first stays; without `all_copies`, those with ids of their own too.

    None stays beside an old document.
    """
    reason, of_old = (Reason(name, "same content as") for name in (EXACT_DUPLICATE, EXACT_DUPLICATE_OF_OLD))
    before, first = np.empty(0, dtype=np.int64), 0
    for block in blocks(len(found)):
        places = block.start + np.flatnonzero(found.reason[block] <= KEPT)
        if not len(places):
            continue
        here = np.concatenate([before, places])
        same_digest = _same_as_before(found.digest[here])
        same = same_digest if all_copies else same_digest & _same_as_before(found.doc_id[here])
        firsts = np.where(same_digest, 0, here)
        firsts[: len(before)] = first
        firsts = np.maximum.accumulate(firsts)
        places, keeper = here[same], firsts[same]
        old = found.reason[keeper] == OLD
        found.drop_at(places[old], of_old, keeper=keeper[old])
        found.drop_at(places[~old], reason, keeper=keeper[~old])
        before, first = here[-1:], int(firsts[-1])


def rename_repeated_ids(found: Decisions) -> None:
    """Different contents under one `doc_id`, from a source whose ids are not unique, such as two files that both count
    from 0: the content with the smallest digest keeps the id, the others are renamed. An old document keeps its own.
    """
    bits = (len(found) // RANGE_ROWS).bit_length()
    for number in range(1 << bits):
        places = _kept_in_range(found, number, bits)
        fresh = found.reason[places] == KEPT
        order = np.lexsort((places, fresh, found.doc_id[places, 1], found.doc_id[places, 0]))
        repeated = _same_as_before(found.doc_id[places][order]) & fresh[order]
        found.renamed[places[order[repeated]]] = True


def _kept_in_range(found: Decisions, number: int, bits: int) -> npt.NDArray[np.int64]:
    """Where documents stand, kept or old, whose ids begin with `number`, in so many bits."""
    parts = [np.empty(0, dtype=np.int64)]
    for block in blocks(len(found)):
        chosen = found.reason[block] <= KEPT
        if bits:
            chosen &= found.doc_id[block, 0] >> np.uint64(64 - bits) == number
        parts.append(block.start + np.flatnonzero(chosen))
    return np.concatenate(parts)


def _same_as_before(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """(n,) True where row i of `keys` (n, 2) equals row i - 1."""
    same = np.zeros(len(keys), dtype=np.bool_)
    same[1:] = (keys[1:] == keys[:-1]).all(axis=1)
    return same
