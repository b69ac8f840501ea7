"""Near copies among labelled texts: they differ in a word or two, in punctuation, or in what stands around them.

The machinery is that of `curate` (`data.dedup`: MinHash proposes, words decide), with settings for short texts.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from ontogeny.core.compiled import start_numba
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.texts import Texts

NEAR = NearDedup(n_gram=2, bands=20, rows=5, jaccard=0.8, containment=None, keep="first")
"""Pairs of words, since one other word in a question of ten leaves hardly one of the usual 5-grams as it was: on
BANKING77, TREC and SMS spam 2-grams find up to three times the pairs, 94% to 100% of them under one label; single words
also find paraphrases that mean something else. A pair at 0.8 shares a band with probability 1 - (1 - 0.8^5)^20, which
is 99.96%."""

Places = npt.NDArray[np.int64]


class NearCopies:
    """Near copies among n texts that stand at ascending `places`, or among some of them."""

    def __init__(self, places: Places, texts: Texts) -> None:
        self._places, self._texts = places, texts

    def among(self, places: Places, judges: Places | None = None) -> tuple[Places, npt.NDArray[np.float32]]:
        """Of each text at `places` (m,) the place of the one that it is a near copy of, or -1; and how alike they are.

        That one is no copy of a third, and stands before it in `places`; or among `judges` (k,), which come before all
        others and are no copies of each other.
        """
        from ontogeny.data.dedup.clusters import Copies, find_near_duplicates
        from ontogeny.data.dedup.shingled import Slices, shingled

        every = places if judges is None else np.concatenate([places, judges])
        rows = np.searchsorted(self._places, every)
        signatures = self._signatures[rows]
        found = find_near_duplicates(
            NEAR,
            Copies(
                np.arange(len(rows), dtype=np.int32),
                self._texts.sizes[rows].astype(np.uint32),
                old=len(every) - len(places),
            ),
            signatures=lambda: [signatures],
            samples=None,
            shingles_of=lambda some: shingled([Slices.of(self._texts, rows[some])], NEAR.n_gram),
        )
        keeper = found.keeper[: len(places)]
        return np.where(keeper >= 0, every[keeper], -1), found.jaccard[: len(places)]

    @functools.cached_property
    def _signatures(self) -> npt.NDArray[np.uint32]:
        from ontogeny.data.signals.minhash import minhash_of

        return minhash_of(self._texts, n_gram=NEAR.n_gram, bands=NEAR.bands, rows=NEAR.rows)


def near_copies_of(places: Places, texts: Texts) -> NearCopies:
    """Ready to look for near copies among `texts`, which stand at ascending `places`; loads compiled code, a second."""
    start_numba()
    return NearCopies(places, texts)
