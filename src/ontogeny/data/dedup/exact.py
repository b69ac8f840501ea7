"""Exact duplicates, found while reading rows in the order of their digests: equal digests are neighbours.

The row with the smallest `doc_id` stays, whatever order the sources were read in. The same pass finds different
contents under one `doc_id` (a source whose ids are not unique, such as two files that both count from 0): the content
with the smallest digest keeps it, the others get one made of id and content. Their groups stay as they were.

Memory: 16 bytes and a set entry, about 100 bytes, for each document kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ontogeny.data.document import make_doc_id
from ontogeny.data.rules.drop import Drop
from ontogeny.records.external_sort import Stored

EXACT_DUPLICATE = "exact_duplicate"


def sort_key(row: Stored) -> tuple[str, ...]:
    """The order of a corpus: content digest, then what tells equal contents apart."""
    return (str(row["digest"]), str(row["doc_id"]), str(row["source"]), str(row["locator"]))


class Ruling(NamedTuple):
    """What becomes of a row: kept (no `drop`), perhaps under a new id, or dropped."""

    row: Stored
    drop: Drop | None
    new_id: bool


def find_duplicates(rows: Iterable[Stored], *, drop_exact: bool) -> Iterator[Ruling]:
    """A ruling on each row of `rows`, which come sorted by `sort_key`.

    Without `drop_exact`, copies stay where they have ids of their own.
    """
    seen: set[bytes] = set()
    kept: Stored | None = None
    for row in rows:
        repeated = bytes.fromhex(str(row["doc_id"])) in seen
        if kept is not None and row["digest"] == kept["digest"] and (drop_exact or repeated):
            detail = f"same content as {kept['doc_id']} at {kept['locator']}"
            yield Ruling(row, Drop(EXACT_DUPLICATE, None, detail), new_id=False)
            continue
        kept = {**row, "doc_id": make_doc_id(str(row["doc_id"]), str(row["digest"]))} if repeated else row
        seen.add(bytes.fromhex(str(kept["doc_id"])))
        yield Ruling(kept, None, new_id=repeated)
