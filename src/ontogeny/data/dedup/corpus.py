"""Near-duplicates among the documents that rules left: from stored signals, with the texts of candidates alone.

`dedup.clusters` decides; here its rows (documents that are still kept, portion by portion) are found in portions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from ontogeny.data.decide import Decisions, Reason
from ontogeny.data.dedup.clusters import Copies, find_near_duplicates, preference
from ontogeny.data.dedup.containment import Samples
from ontogeny.data.dedup.groups import near_groups
from ontogeny.data.dedup.guards import cluster_alarms, stop_or_say
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.dedup.shingled import Shingled, Slices, shingled
from ontogeny.data.fetch import sizes_of
from ontogeny.data.portions import Portion
from ontogeny.data.rules.expression import resolve

NEAR_DUPLICATE = "near_duplicate"

Rows = npt.NDArray[np.int64]


def drop_near_duplicates(found: Decisions, settings: NearDedup, note: Callable[[str], None]) -> None:
    """Drop what `settings` call copies of a better document that stays; `note` is told of alarms that may pass.

    Raises:
        DataError: a cluster is too large, and the settings say stop.
    """
    places = np.flatnonzero(found.kept)
    if not len(places):
        return
    places = places[np.lexsort((found.row[places], found.portion[places]))]
    corpus = _Kept(found, places, settings)
    sizes = sizes_of(found, places)
    copies = Copies(found.digest[places], preference(settings, sizes, corpus.column(settings.score)), sizes)
    outcome = find_near_duplicates(
        settings,
        copies,
        signatures=corpus.signatures,
        samples=corpus.samples if settings.containment is not None else None,
        shingles_of=corpus.shingles,
    )
    stop_or_say(cluster_alarms(settings, outcome.cluster, corpus.name), settings, note)
    _drop(found, places, outcome.keeper, outcome.jaccard)


def _drop(found: Decisions, places: Rows, keeper: Rows, jaccard: npt.NDArray[np.float32]) -> None:
    gone = np.flatnonzero(keeper >= 0)
    which, score = np.zeros(len(found), dtype=np.bool_), np.full(len(found), np.nan)
    instead = np.full(len(found), -1, dtype=np.int64)
    which[places[gone]] = True
    score[places[gone]] = jaccard[gone]
    instead[places[gone]] = places[keeper[gone]]
    found.drop(which, Reason(NEAR_DUPLICATE, "near copy of"), score=score, keeper=instead)


class _Kept:
    """The documents at `places` of `found`, which stand in the order of portions and their rows."""

    def __init__(self, found: Decisions, places: Rows, settings: NearDedup) -> None:
        self._found, self._places, self._settings = found, places, settings
        self._minhash, *self._sampled = near_groups(settings)
        self._texts_of = functools.cache(
            Portion.texts
        )  # memory maps, opened once for many blocks of candidates

    def signatures(self) -> Iterator[npt.NDArray[np.uint32]]:
        """MinHash signatures, portion by portion."""
        for portion, rows in self._portions():
            yield portion.signals(self._minhash)["minhash"][rows]

    def samples(self) -> Iterator[Samples]:
        """Sampled shingles, portion by portion."""
        for portion, rows in self._portions():
            of_rows = portion.ragged(self._sampled[0], "samples")[rows]
            yield Samples(of_rows.values, of_rows.offsets)

    def shingles(self, rows: Rows) -> Shingled:
        """The shingles of the documents at ascending `rows`."""
        parts = (Slices.of(self._texts_of(portion), here) for portion, here in self._portions(rows))
        return shingled(parts, self._settings.n_gram)

    def column(self, name: str | None) -> npt.NDArray[np.float64] | None:
        """The signal called `name`, as numbers."""
        if name is None:
            return None
        stored = resolve(name, self._found.signals)
        assert stored is not None, "`score_columns` were looked at before the run"
        place = self._found.signals[stored]
        return np.concatenate(
            [portion.columns(place.file)[place.column][rows] for portion, rows in self._portions()]
        )

    def name(self, row: int) -> str:
        """The document at `row`, for a person."""
        place = self._places[row]
        portion = self._found.portions[self._found.portion[place]]
        (told,) = portion.documents(["doc_id", "locator"]).slice(int(self._found.row[place]), 1).to_pylist()
        return f"{told['doc_id']} at {told['locator']}"

    def _portions(self, among: Rows | None = None) -> Iterator[tuple[Portion, npt.NDArray[np.int32]]]:
        """Each portion with its rows, of all documents or of those `among` them."""
        places = self._places if among is None else self._places[among]
        numbers = self._found.portion[places]
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
            yield self._found.portions[numbers[start]], self._found.row[places[start:end]]
