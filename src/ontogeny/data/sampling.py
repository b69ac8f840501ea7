"""A few documents of a corpus by chance, the same ones whatever the order of its files.

A document's lot is a mix of its id and the seed; those with the smallest lots are drawn. Ids pass a row group at a
time, and texts are read of the drawn ones only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError, UsageError, nearest
from ontogeny.data.document import content_of, shown
from ontogeny.data.portions import hex_keys
from ontogeny.data.write import DROPPED_FILE
from ontogeny.records.parts import part_paths

if TYPE_CHECKING:
    import pyarrow as pa

# The finaliser of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
STEP, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
MEMBERS = ("doc_id", "source", "locator", "license", "date", "reason", "score", "detail")


def draw(payload: Path, *, count: int, seed: int, dropped: str | None = None) -> list[dict[str, Any]]:
    """`count` documents that were kept, or that were dropped for `dropped`, or all there are, by their lots.

    Each has the members of `MEMBERS` that its file has, and `text`.

    Raises:
        UsageError: nothing was dropped for that reason; names those there are.
        DataError: the folder holds no corpus.
    """
    paths = part_paths(payload) if dropped is None else [payload / DROPPED_FILE]
    if not paths or not paths[0].exists():
        raise DataError("there are no documents here", where=str(payload), hint="give the name of a corpus")
    drawn: list[tuple[int, Path, int, int]] = []
    reasons: set[str] = set()
    for path in paths:
        for group, table in _ids(path):
            lots = lots_of(table.column("doc_id"), seed)
            places = np.arange(len(lots))
            if dropped is not None:
                of = np.array(table.column("reason").to_pylist())
                reasons |= set(of.tolist())
                places = np.flatnonzero(of == dropped)
            best = places[np.argsort(lots[places], kind="stable")[:count]]
            drawn += [(int(lots[place]), path, group, int(place)) for place in best]
            drawn = sorted(drawn)[:count]
    if dropped is not None and not drawn:
        known = f"reasons here: {', '.join(sorted(reasons)) or 'none, nothing was dropped'}"
        raise UsageError(f"nothing was dropped as {dropped!r}.{nearest(dropped, reasons)}", hint=known)
    return [_row(path, group, place) for _, path, group, place in drawn]


def lots_of(ids: pa.ChunkedArray[pa.StringScalar], seed: int) -> npt.NDArray[np.uint64]:
    """(n,) uniform numbers, each a function of id and seed alone."""
    value = hex_keys(ids)[:, 0] + np.uint64(seed * STEP % 2**64)
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    mixed: npt.NDArray[np.uint64] = value ^ (value >> np.uint64(31))
    return mixed


def _ids(path: Path) -> Any:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        columns = [name for name in ("doc_id", "reason") if name in file.schema_arrow.names]
        for group in range(file.num_row_groups):
            yield group, file.read_row_group(group, columns=columns)


def _row(path: Path, group: int, place: int) -> dict[str, Any]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        (row,) = file.read_row_group(group).slice(place, 1).to_pylist()
    text = row["text"] if row.get("text") is not None else shown(content_of(row))
    return {name: row[name] for name in MEMBERS if name in row} | {"text": text}
