"""Exact duplicates and repeated ids: in the order of digests, equal contents are neighbours.

The document with the smallest `doc_id` stays, whatever order the sources were read in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ontogeny.data.decide import Decisions, Reason

EXACT_DUPLICATE = "exact_duplicate"


def drop_exact_duplicates(found: Decisions, *, all_copies: bool) -> None:
    """Of kept documents with one digest only the first stays; without `all_copies`, those with ids of their own too."""
    places = np.flatnonzero(found.kept)
    digest, doc_id = found.digest[places], found.doc_id[places]
    same_digest = _same_as_before(digest)
    same = same_digest if all_copies else same_digest & _same_as_before(doc_id)
    first = np.maximum.accumulate(np.where(same_digest, 0, np.arange(len(places))))
    dropped, keeper = np.zeros(len(found), dtype=np.bool_), np.full(len(found), -1, dtype=np.int64)
    dropped[places[same]], keeper[places] = True, places[first] if len(places) else places
    found.drop(dropped, Reason(EXACT_DUPLICATE, "same content as"), keeper=keeper)


def rename_repeated_ids(found: Decisions) -> None:
    """Different contents under one `doc_id`, from a source whose ids are not unique, such as two files that both count
    from 0: the content with the smallest digest keeps the id, the others are renamed.
    """
    places = np.flatnonzero(found.kept)
    order = np.lexsort((places, found.doc_id[places, 1], found.doc_id[places, 0]))
    repeated = _same_as_before(found.doc_id[places][order])
    found.renamed[places[order[repeated]]] = True


def _same_as_before(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """(n,) True where row i of `keys` (n, 2) equals row i - 1."""
    same = np.zeros(len(keys), dtype=np.bool_)
    same[1:] = (keys[1:] == keys[:-1]).all(axis=1)
    return same
