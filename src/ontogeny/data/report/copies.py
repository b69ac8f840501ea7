"""Duplicate clusters and web domains of a finished corpus, from its columns.

A cluster is a document that stays and those that went for it: `dropped.parquet` names it, in the column `keeper` where
there is one and otherwise in the detail. Counting is Arrow's; Python sees what is shown only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.data.report.scan import files_of, row_groups, row_groups_with
from ontogeny.data.write import DROPPED_FILE
from ontogeny.records.parts import part_paths

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_CLUSTERS = 5
SHOWN_COPIES = 3
SHOWN_CHARS = 400
TOP_DOMAINS = 30
MERGE_ROWS = 1 << 20
"""Distinct values in waiting before counts are merged."""
KEEPER_COLUMNS = ["keeper", "detail", "reason"]
"""What names the document that stays, or tells it."""
OF_OLD = "duplicate_of_old"
"""In the reason of what went for a document of a corpus made before, which no cluster of this one holds."""
KEEPER = r"(?P<keeper>\b[0-9a-f]{32}\b)"


class ValueCounts:
    """How often each value occurs, as Arrow columns: about its own bytes and 8 more a distinct value."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._rows = 0

    def add(self, values: pa.ChunkedArray[Any]) -> None:
        """Count `values`; nulls are left out."""
        import pyarrow as pa

        counts = pa.chunked_array([values.drop_null().value_counts()]).flatten()
        self._tables.append(pa.table(counts, names=["value", "count"]))
        self._rows += len(counts)
        if self._rows > MERGE_ROWS:
            self._tables = [self.table()]
            self._rows = -len(self._tables[0])  # as much again may come before the next merge

    def table(self) -> pa.Table:
        """Columns `value` and `count`, most frequent first, then by value."""
        import pyarrow as pa

        if not self._tables:
            return pa.table({"value": pa.array([], pa.string()), "count": pa.array([], pa.int64())})
        merged = pa.concat_tables(self._tables).group_by("value").aggregate([("count", "sum")])
        merged = merged.rename_columns(["value", "count"])
        return merged.sort_by([("count", "descending"), ("value", "ascending")])


def domain_figures(payload: Path) -> dict[str, Any]:
    """Documents by their `domain`; empty where no document has one."""
    from ontogeny.data.diversity import spread

    counts = ValueCounts()
    for path in part_paths(payload):
        for table in row_groups(path, ["domain"]):
            if "domain" not in table.column_names:
                return {}
            counts.add(table.column("domain"))
    ordered = counts.table()
    if not len(ordered):
        return {}
    every = ordered.column("count").to_numpy()
    names = ordered.column("value").slice(0, TOP_DOMAINS).to_pylist()
    shares = spread(dict(enumerate(every.tolist()))) if len(every) <= MERGE_ROWS else {"distinct": len(every)}
    return {**shares, "documents": int(every.sum()), "top": dict(zip(names, every.tolist(), strict=False))}


def cluster_figures(payload: Path) -> dict[str, Any]:
    """How many documents went for another, by the size of the cluster, and the largest with examples."""
    import numpy as np

    counts = ValueCounts()
    for table in _with_keeper(payload, KEEPER_COLUMNS):
        counts.add(table.column("keeper"))
    ordered = counts.table()
    if not len(ordered):
        return {}
    sizes = ordered.column("count").to_numpy() + 1
    classes, number = np.unique(np.ceil(np.log2(sizes)).astype(int), return_counts=True)
    return {
        "clusters": len(sizes),
        "copies": int((sizes - 1).sum()),
        "largest": int(sizes[0]),
        "sizes": {str(2 ** int(key)): int(count) for key, count in zip(classes, number, strict=True)},
        "examples": _examples(payload, ordered.slice(0, SHOWN_CLUSTERS).to_pylist()),
    }


def _with_keeper(
    payload: Path, columns: list[str], *, only: Sequence[int] | None = None
) -> Iterator[pa.Table]:
    """Of each row group of the dropped, the documents that went for another, with the column `keeper`."""
    import pyarrow.compute as pc

    dropped = payload / DROPPED_FILE
    if not dropped.exists():
        return
    for table in row_groups(dropped, columns, only=only):
        if "keeper" not in table.column_names:
            reason = table.column("reason")
            of_old = pc.match_substring(reason, OF_OLD)
            copies = table.filter(pc.and_not(pc.match_substring(reason, "duplicate"), of_old))
            found = pc.struct_field(pc.extract_regex(copies.column("detail"), KEEPER), "keeper")
            table = copies.append_column("keeper", found)
        yield table.filter(pc.is_valid(table.column("keeper")))


def _examples(payload: Path, largest: list[dict[str, Any]]) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = [row["value"] for row in largest]
    copies: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
    columns = [*KEEPER_COLUMNS, "doc_id", "source", "locator", "text"]
    for table in _with_keeper(payload, columns, only=_groups_of_first_copies(payload, wanted)):
        for row in table.filter(pc.is_in(table.column("keeper"), pa.array(wanted))).to_pylist():
            if len(copies[row["keeper"]]) < SHOWN_COPIES:
                copies[row["keeper"]].append(_shown(row) | {"reason": row["reason"], "detail": row["detail"]})
    keepers: dict[str, dict[str, Any]] = {}
    for path, kept in files_of(payload):
        if kept and len(keepers) < len(wanted):
            for table in row_groups_with(path, "doc_id", wanted, ["doc_id", "source", "locator", "text"]):
                keepers |= {row["doc_id"]: _shown(row) for row in table.to_pylist()}
    return [
        {"documents": row["count"] + 1, "kept": keepers.get(row["value"]), "copies": copies[row["value"]]}
        for row in largest
    ]


def _groups_of_first_copies(payload: Path, wanted: Sequence[str]) -> list[int]:
    """The row groups of the dropped that hold the first copies of each of `wanted`: texts of others are not read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    groups: list[int] = []
    lacking = dict.fromkeys(wanted, SHOWN_COPIES)
    for group, table in enumerate(_with_keeper(payload, KEEPER_COLUMNS)):
        keepers = table.column("keeper")
        found = keepers.filter(pc.is_in(keepers, pa.array(list(lacking), pa.string()))).to_pylist()
        if found:
            groups.append(group)
        lacking = {
            name: left - found.count(name) for name, left in lacking.items() if left > found.count(name)
        }
        if not lacking:
            break
    return groups


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "doc_id": row["doc_id"],
        "source": row["source"],
        "locator": row["locator"],
        "text": (row.get("text") or "")[:SHOWN_CHARS],
    }
