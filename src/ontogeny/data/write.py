"""From decisions to the files of a corpus: parts in the order of digests, and everything that was dropped.

    part-*.parquet     what stays
    dropped.parquet    what went, by reason and then in the same order, with the score and the bound it missed

Rows come a row group at a time (`data.groups`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ontogeny.data.decide import Decisions, Place
from ontogeny.data.document import (
    SPLITS,
    LabelledText,
    Shape,
    digest_content,
    dropped_schema_of,
    schema_of,
)
from ontogeny.data.fetch import Rows, fetch, gather, with_ids
from ontogeny.data.groups import in_groups
from ontogeny.data.language_codes import language_names
from ontogeny.data.portions import TEXT, Portion, hex_keys
from ontogeny.records.parts import COMPRESSION, GROUP_BYTES, PART_BYTES

if TYPE_CHECKING:
    import pyarrow as pa

DROPPED_FILE = "dropped.parquet"
DETECTED = "language:detected"
"""Column of the numbers of detected languages, until a group's names are known."""
GROUP_ROWS = 4096
"""Rejected records of one row group: their samples are short."""


def write_kept(
    folder: Path,
    found: Decisions,
    shape: Shape,
    held_out_fraction: float,
    *,
    scratch: Path,
    seen: Callable[[pa.Table], None],
    part_bytes: int = PART_BYTES,
    group_bytes: int = GROUP_BYTES,
) -> None:
    """Write what stays as parts; at least one, even without rows. `seen` is shown each group, with `size_bytes`."""
    import pyarrow.parquet as pq

    signals = _shown_signals(found)
    schema = _with_signals(schema_of(shape), found, signals)
    groups = in_groups(
        found, np.flatnonzero(found.kept), group_bytes, partial(_documents, signals), scratch=scratch
    )
    pending = next(groups, None)
    number = 0
    while pending is not None or number == 0:
        size = 0
        with pq.ParquetWriter(
            folder / f"part-{number:05d}.parquet", schema, compression=COMPRESSION
        ) as writer:
            while pending is not None and size < part_bytes:
                places, table = pending
                table = _with_split(_finished(table), held_out_fraction, found, places)
                table = _relabelled(with_ids(table, found.renamed[places]), found, places)
                seen(table)
                writer.write_table(table.select(schema.names).cast(schema))
                size += int(_sum(table.column("size_bytes")))
                pending = next(groups, None)
        number += 1


def write_dropped(
    folder: Path,
    found: Decisions,
    shape: Shape,
    held_out_fraction: float,
    *,
    scratch: Path,
    seen: Callable[[pa.Table], None],
    group_bytes: int = GROUP_BYTES,
) -> None:
    """Write what went: documents by reason, then records that became no document. `seen` is shown each group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    signals = _shown_signals(found)
    schema = _with_signals(dropped_schema_of(shape), found, signals)
    with pq.ParquetWriter(folder / DROPPED_FILE, schema, compression=COMPRESSION) as writer:

        def write(table: pa.Table) -> None:
            seen(table)
            for name in schema.names:
                if name not in table.column_names:
                    table = table.append_column(name, pa.array([None] * len(table), schema.field(name).type))
            writer.write_table(table.select(schema.names).cast(schema))

        places = np.flatnonzero(found.dropped)
        names = np.array([reason.name for reason in found.reasons] or [""])
        order = np.lexsort((places, names[found.reason[places]]))
        documents = partial(_documents, signals)
        for rows, table in in_groups(found, places[order], group_bytes, documents, scratch=scratch):
            table = _with_split(_finished(table), held_out_fraction, found, rows)
            write(_explained(_relabelled(table, found, rows), found, rows))
        portion, row = _rejected_in_order(found)
        for start in range(0, len(row), GROUP_ROWS):
            here = slice(start, start + GROUP_ROWS)
            rejected = gather(found.portions, portion[here], row[here], Portion.rejected)
            write(rejected if found.split is not None else _by_side(rejected, held_out_fraction))


def _documents(signals: Mapping[str, Place], portion: Portion) -> pa.Table:
    """What a portion's documents have beside their `text`, with `signals` of one value each: nothing is copied."""
    import pyarrow as pa

    table = portion.documents()
    columns: dict[str, Any] = {name: table.column(name) for name in table.column_names if name != TEXT}
    files = {file: portion.arrays(file) for file in {place.file for place in signals.values()}}
    for name, place in signals.items():
        columns[DETECTED if name == "language" else name] = files[place.file][place.column]
    return pa.table(columns)


def _shown_signals(found: Decisions) -> dict[str, Place]:
    """The signals of `found` that are columns of a corpus: one value a document."""
    if not found.portions:
        return {}
    first = found.portions[0]
    there = {file: first.arrays(file) for file in {place.file for place in found.signals.values()}}
    return {name: place for name, place in found.signals.items() if place.column in there[place.file]}


def _finished(table: pa.Table) -> pa.Table:
    """`table` with the detected language, where there is one, of documents whose source named none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if DETECTED not in table.column_names:
        return table
    detected = pa.array(language_names(table.column(DETECTED).to_numpy().tolist()), pa.string())
    filled: Any = pc.coalesce(table.column("language"), detected)
    table = table.drop_columns([DETECTED])
    return table.set_column(table.column_names.index("language"), "language", filled)


def _with_signals(schema: pa.Schema, found: Decisions, signals: Mapping[str, Place]) -> pa.Schema:
    """`schema` and the columns of `signals`, before those that say why a document was dropped."""
    if not found.portions:
        return schema
    known = _documents(signals, found.portions[0]).schema
    fields = [known.field(name) for name in signals if name in known.names and name not in schema.names]
    place = schema.names.index("reason") if "reason" in schema.names else len(schema)
    for number, field in enumerate(fields):
        schema = schema.insert(place + number, field)
    return schema


def _rejected_in_order(found: Decisions) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Portion and row of every record that became no document, by reason and id, however the input was divided."""
    numbers = [number for number in range(len(found.portions)) if number not in found.old_portions]
    tables = [found.portions[number].rejected().select(["reason", "doc_id"]) for number in numbers]
    reasons = np.array(
        [reason for table in tables for reason in table.column("reason").to_pylist()], dtype=str
    )
    ids = np.concatenate(
        [np.zeros((0, 2), np.uint64), *(hex_keys(table.column("doc_id")) for table in tables)]
    )
    order = np.lexsort((ids[:, 1], ids[:, 0], reasons))
    portion = np.repeat(np.array(numbers, dtype=np.int32), [len(table) for table in tables])
    row = np.concatenate(
        [np.zeros(0, np.int32), *(np.arange(len(table), dtype=np.int32) for table in tables)]
    )
    return portion[order], row[order]


def _with_split(table: pa.Table, held_out_fraction: float, found: Decisions, places: Rows) -> pa.Table:
    """`table` of the documents at `places`, with their split."""
    import pyarrow as pa

    if found.split is None:
        return _by_side(table, held_out_fraction)
    return table.append_column("split", pa.array(np.array(SPLITS)[found.split[places]], pa.string()))


def _relabelled(table: pa.Table, found: Decisions, places: Rows) -> pa.Table:
    """`table` of the documents at `places`, with the labels they have instead of their own, and digests of that."""
    import pyarrow as pa

    rows = [row for row, place in enumerate(places.tolist()) if place in found.relabelled]
    if not rows:
        return table
    columns = {name: table.column(name).to_pylist() for name in ("text", "label", "labels", "digest")}
    for row in rows:
        content = LabelledText(str(columns["text"][row]), found.relabelled[int(places[row])])
        columns["label"][row], columns["labels"][row] = content.label, list(content.labels)
        columns["digest"][row] = digest_content(content)
    for name in ("label", "labels", "digest"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(columns[name], table.schema.field(name).type))
    return table


def _by_side(table: pa.Table, held_out_fraction: float) -> pa.Table:
    import pyarrow as pa

    split = np.where(table.column("side").to_numpy() < held_out_fraction, "held_out", "train")
    return table.append_column("split", pa.array(split, pa.string()))


def _explained(table: pa.Table, found: Decisions, rows: Rows) -> pa.Table:
    """`table` with reason, score and detail of the documents at `rows`."""
    import pyarrow as pa

    reasons = [found.reasons[number] for number in found.reason[rows]]
    scores = [None if np.isnan(score) else float(score) for score in found.score[rows]]
    keepers = _keepers(found, found.keeper[rows].astype(np.int64))
    details = [
        f"{reason.says} {keeper}"
        if keeper
        else reason.says
        if score is None
        else f"{_shown(score)} {reason.says}"
        for reason, score, keeper in zip(reasons, scores, keepers, strict=True)
    ]
    table = table.append_column("reason", pa.array([reason.name for reason in reasons], pa.string()))
    table = table.append_column("score", pa.array(scores, pa.float64()))
    return table.append_column("detail", pa.array(details, pa.string()))


def _shown(score: float) -> str:
    return f"{score:,.0f}" if score == int(score) else f"{score:.4g}"


def _keepers(found: Decisions, keeper: Rows) -> list[str]:
    """The document that stays in the place of each, and where it is from; empty where none does. Of an old one, the
    corpus comes last.
    """
    told = [""] * len(keeper)
    has = np.flatnonzero(keeper >= 0)
    if len(has):
        kept = fetch(found, keeper[has], lambda portion: portion.documents(["doc_id", "locator", "digest"]))
        ids = with_ids(kept, found.renamed[keeper[has]]).column("doc_id").to_pylist()
        locators, portions = kept.column("locator").to_pylist(), found.portion[keeper[has]].tolist()
        for row, doc_id, locator, portion in zip(has, ids, locators, portions, strict=True):
            old = [corpus.name for corpus in found.old if portion in corpus.portions]
            told[row] = f"{doc_id} at {locator}" + "".join(f" in {name}" for name in old)
    return told


def _sum(column: pa.ChunkedArray[pa.Int64Scalar]) -> int:
    import pyarrow.compute as pc

    return pc.sum(column).as_py() or 0
