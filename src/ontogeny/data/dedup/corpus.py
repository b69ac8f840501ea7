"""Near-duplicates among the documents that rules left: from stored signals, with the texts of candidates alone.

`dedup.clusters` decides; here its rows (documents that are still kept, portion by portion, and behind them those of
corpora made before) are found in portions.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.data.decide import KEPT, OLD, Decisions, Reason
from ontogeny.data.dedup.against import NEAR_DUPLICATE_OF_OLD
from ontogeny.data.dedup.clusters import Copies, NearDuplicates, find_near_duplicates
from ontogeny.data.dedup.containment import Samples
from ontogeny.data.dedup.groups import near_groups
from ontogeny.data.dedup.guards import cluster_alarms, stop_or_say
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.dedup.shingled import Shingled, Slices, shingled
from ontogeny.data.order import blocks
from ontogeny.data.portions import Portion
from ontogeny.data.rules.expression import resolve

NEAR_DUPLICATE = "near_duplicate"

OPEN_PORTIONS = 1024
"""Portions whose texts stay mapped for further blocks of candidates; a process may have 65,530 maps."""

Places = npt.NDArray[np.int32]


def drop_near_duplicates(found: Decisions, settings: NearDedup, note: Callable[[str], None]) -> None:
    """Drop what `settings` call copies of a better document that stays; `note` is told of alarms that may pass.

    What the search does not look at lies on disk meanwhile: together they take at most 64 bytes a document.

    Raises:
        DataError: a cluster is too large, and the settings say stop.
    """
    if not found.kept.any():
        return
    with _set_aside(found, ("digest", "doc_id")):  # documents stand in the order of their digests
        _drop_near_duplicates(found, settings, note)


def _drop_near_duplicates(found: Decisions, settings: NearDedup, note: Callable[[str], None]) -> None:
    with _set_aside(found, ("score",)):
        corpus = _Kept(found, settings)
        outcome = find_near_duplicates(
            settings,
            Copies(corpus.places, corpus.sizes(), corpus.score(), corpus.old),
            signatures=corpus.signatures,
            samples=corpus.samples if settings.containment is not None else None,
            shingles_of=corpus.shingles,
        )
        stop_or_say(cluster_alarms(settings, outcome.cluster, corpus.name), settings, note)
    _drop(found, corpus.places, outcome)


def _drop(found: Decisions, places: Places, outcome: NearDuplicates) -> None:
    for block in blocks(len(places)):
        gone = block.start + np.flatnonzero(outcome.keeper[block] >= 0)
        keeper = places[outcome.keeper[gone]].astype(np.int64)
        old = found.reason[keeper] == OLD
        for name, chosen in ((NEAR_DUPLICATE_OF_OLD, old), (NEAR_DUPLICATE, ~old)):
            found.drop_at(
                places[gone[chosen]].astype(np.int64),
                Reason(name, "near copy of"),
                score=outcome.jaccard[gone[chosen]],
                keeper=keeper[chosen],
            )


@contextlib.contextmanager
def _set_aside(found: Decisions, names: tuple[str, ...]) -> Iterator[None]:
    """Keep the columns `names` of `found` on disk, and none of them in memory."""
    with tempfile.TemporaryFile(prefix="ontogeny-") as file:
        kinds: list[tuple[str, Any, tuple[int, ...]]] = []
        for name in names:
            column = getattr(found, name)
            kinds.append((name, column.dtype, column.shape))
            for block in blocks(len(column)):
                file.write(np.ascontiguousarray(column[block]).data)
            setattr(found, name, column[:0].copy())
        del column
        try:
            yield
        finally:
            file.seek(0)
            for name, dtype, shape in kinds:
                setattr(found, name, np.fromfile(file, dtype, int(np.prod(shape))).reshape(shape))


class _Kept:
    """The documents of `found` that are kept, in the order of portions and their rows, and behind them the `old` ones.

    `places` (n,) int32 are their positions in `found`, which stand in the order of digests.
    """

    def __init__(self, found: Decisions, settings: NearDedup) -> None:
        self._found, self._settings = found, settings
        self.places, self._bounds = _in_order_of_portions(found)
        first_old = found.old_portions.start if found.old else len(found.portions)
        self.old = len(self.places) - int(self._bounds[first_old])
        self._minhash, *self._sampled = near_groups(settings)
        self._texts_of = functools.lru_cache(OPEN_PORTIONS)(_stored_texts)

    def sizes(self) -> npt.NDArray[np.uint32]:
        """The bytes of each text; Arrow bounds a string at 2 GiB."""
        sizes = np.empty(len(self.places), dtype=np.uint32)
        for portion, here, rows in self._portions():
            sizes[here] = portion.documents(["size_bytes"]).column(0).to_numpy()[rows]
        return sizes

    def signatures(self) -> Iterator[npt.NDArray[np.uint32]]:
        """MinHash signatures, portion by portion."""
        for portion, _, rows in self._portions():
            yield portion.signals(self._minhash)["minhash"][rows]

    def samples(self) -> Iterator[Samples]:
        """Sampled shingles, portion by portion."""
        for portion, _, rows in self._portions():
            of_rows = portion.ragged(self._sampled[0], "samples")[rows]
            yield Samples(of_rows.values, of_rows.offsets)

    def shingles(self, rows: npt.NDArray[np.int64]) -> Shingled:
        """The shingles of the documents at ascending `rows`."""
        cuts = np.searchsorted(rows, self._bounds)
        parts = []
        for number in np.flatnonzero(np.diff(cuts)).tolist():
            here = rows[cuts[number] : cuts[number + 1]]
            data, offsets = self._texts_of(self._found.portions[number])
            of_portion = self._found.row[self.places[here]]
            starts, ends = offsets[of_portion], offsets[1:][of_portion]
            parts.append(Slices(data, starts.astype(np.int64), ends.astype(np.int64)))
        return shingled(parts, self._settings.n_gram)

    def score(self) -> npt.NDArray[np.float64] | None:
        """The signal that `settings.score` names, as numbers; of old documents, which are not judged by it, nan."""
        if self._settings.score is None:
            return None
        stored = resolve(self._settings.score, self._found.signals)
        assert stored is not None, "`score_columns` were looked at before the run"
        place = self._found.signals[stored]
        score = np.full(len(self.places), np.nan)
        for portion, here, rows in self._portions():
            if here.start < len(score) - self.old:
                score[here] = portion.columns(place.file)[place.column][rows]
        return score

    def name(self, row: int) -> str:
        """The document at `row`, for a person."""
        place = self.places[row]
        portion = self._found.portions[int(self._found.portion[place])]
        (told,) = portion.documents(["doc_id", "locator"]).slice(int(self._found.row[place]), 1).to_pylist()
        return f"{told['doc_id']} at {told['locator']}"

    def _portions(self) -> Iterator[tuple[Portion, slice, npt.NDArray[np.int32]]]:
        """Each portion, where its documents stand among those of all, and their rows in it."""
        for portion, start, end in zip(
            self._found.portions, self._bounds[:-1].tolist(), self._bounds[1:].tolist(), strict=True
        ):
            if start < end:
                yield portion, slice(start, end), self._found.row[self.places[start:end]]


def _in_order_of_portions(found: Decisions) -> tuple[Places, npt.NDArray[np.int64]]:
    """The positions of kept and old documents by portion and row; where each portion begins, and the last one ends."""
    starts = np.zeros(len(found.portions) + 1, dtype=np.int64)
    np.cumsum([portion.counts["documents"] for portion in found.portions], out=starts[1:])
    every = np.full(starts[-1], -1, dtype=np.int32)
    for block in blocks(len(found)):
        here = block.start + np.flatnonzero(found.reason[block] <= KEPT)
        every[starts[found.portion[here]] + found.row[here]] = here
    kept = every >= 0
    bounds = np.zeros_like(starts)
    np.cumsum([kept[start:end].sum() for start, end in itertools.pairwise(starts)], out=bounds[1:])
    return every[kept], bounds


def _stored_texts(portion: Portion) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """The UTF-8 of the texts of a portion and where each begins, over the file's own memory."""
    (chunk,) = portion.documents(["text"]).column(0).chunks
    buffers: list[Any] = chunk.buffers()
    _, offsets, data = buffers
    return np.frombuffer(data, dtype=np.uint8), np.frombuffer(offsets, dtype=np.int32)
