"""Corpora made before, which new documents are held against: their documents as portions, and what went for them.

    part-*.parquet of each corpus -> portions, with the signals that copies are found by

The portions lie with all others, known by the content of the corpus: held against another time, nothing is read again.
Old documents are normalised like new ones, and neither edited nor judged: that was done when their corpus was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError
from ontogeny.data.decide import KEPT, OLD, Decisions
from ontogeny.data.document import Document, Text
from ontogeny.data.fetch import Rows, fetch
from ontogeny.data.order import blocks
from ontogeny.data.sources import files
from ontogeny.data.sources.files import Reading, Unit
from ontogeny.records.formats import Format
from ontogeny.records.parts import part_paths
from ontogeny.records.reading import parts_of

EXACT_DUPLICATE_OF_OLD, NEAR_DUPLICATE_OF_OLD = "exact_duplicate_of_old", "near_duplicate_of_old"

COLUMNS = ["doc_id", "group", "source", "locator", "text"]
"""Of an old document: what it is compared by, and what is told of it."""

SHOWN_CHARS = 400


def units_of_corpus(folder: Path) -> list[Unit]:
    """The parts of the corpus in `folder`, large ones in pieces."""
    units = []
    for path in part_paths(folder):
        pieces = parts_of(path, Format.PARQUET, part_bytes=files.UNIT_BYTES)
        units += [Unit(path, path.stat().st_size // len(pieces), piece) for piece in pieces]
    return units


def read_corpus(unit: Unit, reading: Reading) -> Iterator[Document]:
    """The documents in a piece of a corpus.

    Raises:
        DataError: the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    start = unit.part.start if reading.resume_at is None else reading.resume_at
    try:
        with pq.ParquetFile(str(unit.path)) as file:
            end = file.num_row_groups if unit.part.end is None else unit.part.end
            for group in range(start, end):
                reading.begin(group)
                for row in file.read_row_group(group, columns=COLUMNS).to_pylist():
                    reading.count.add_good()
                    text = Text(row.pop("text"))
                    yield Document(content=text, **row)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"a corpus to be held against cannot be read: {error}",
            where=str(unit.path),
            hint="`ontogeny verify` says what is damaged: restore it, make that corpus again, or leave it out of"
            " `against`",
        ) from error


def gone_for_old(found: Decisions) -> npt.NDArray[np.bool_]:
    """(n,) True where a document went for an old one."""
    gone = np.zeros(len(found), dtype=np.bool_)
    for places, _ in _pairs(found):
        gone[places] = True
    return gone


def old_figures(found: Decisions) -> dict[str, dict[str, Any]]:
    """Of each corpus made before: its `documents`, how many went as `exact` and `near` copies of them, an `example`.

    The example is the first near copy in the order of the corpus, and failing that the first exact one.
    """
    starts = [corpus.portions.start for corpus in found.old]
    names = [reason.name for reason in found.reasons]
    counts = np.zeros((len(starts), 2), dtype=np.int64)
    first = np.full((len(starts), 2), -1, dtype=np.int64)
    for places, keepers in _pairs(found):
        corpus = np.searchsorted(starts, found.portion[keepers], side="right") - 1
        for near, name in enumerate((EXACT_DUPLICATE_OF_OLD, NEAR_DUPLICATE_OF_OLD)):
            here = found.reason[places] == (names.index(name) if name in names else KEPT)
            counts[:, near] += np.bincount(corpus[here], minlength=len(starts))
            for number in np.unique(corpus[here & (first[corpus, near] < 0)]).tolist():
                first[number, near] = places[here & (corpus == number)][0]
    figures: dict[str, dict[str, Any]] = {}
    for each, (exact, near), shown in zip(found.old, counts.tolist(), first.tolist(), strict=True):
        documents = sum(found.portions[number].counts["documents"] for number in each.portions)
        figures[each.name] = {"documents": documents, "exact": exact, "near": near}
        place = next((place for place in reversed(shown) if place >= 0), None)
        if place is not None:
            figures[each.name]["example"] = _example(found, place)
    return figures


def _pairs(found: Decisions) -> Iterator[tuple[Rows, npt.NDArray[np.int32]]]:
    """The documents that went for old ones and these, by their places, some at a time."""
    for block in blocks(len(found)) if found.old else ():
        places = block.start + np.flatnonzero(found.keeper[block] >= 0)
        keepers = found.keeper[places]
        old = found.reason[keepers] == OLD
        yield places[old], keepers[old]


def _example(found: Decisions, place: int) -> dict[str, Any]:
    """The document at `place` that went, and the old one that it went for."""
    shown = [name for name in COLUMNS if name != "group"]
    places = np.array([place, int(found.keeper[place])])
    rows = fetch(found, places, lambda portion: portion.documents(shown)).to_pylist()
    went, stays = ({**row, "text": row["text"][:SHOWN_CHARS]} for row in rows)
    return {"went": went, "stays": stays}
