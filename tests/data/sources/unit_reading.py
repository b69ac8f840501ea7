"""Reading one file with one source, as a worker does, and where the data sets that tests may use are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from ontogeny.data.document import Document, Rejected, Text
from ontogeny.data.sources.files import FileSource, Reading, Unit
from ontogeny.records.accounting import RowCount

S = TypeVar("S", bound=FileSource)
SHARED = Path(os.environ.get("ONTOGENY_SHARED", Path(__file__).parents[4] / "shared")) / "data"


def shared(name: str) -> Path:
    """A data set beside the repository; the test skips where it is absent."""
    if not (SHARED / name).exists():
        pytest.skip(f"the data set {name} is not at {SHARED}")
    return SHARED / name


def read_unit(
    source: S,
    read: Callable[[S, Unit, Reading], Iterator[Document | Rejected]],
    path: Path,
) -> tuple[list[Document | Rejected], Reading]:
    """All records of one file. What came in is what came out, always."""
    reading = Reading(RowCount(source.source_name))
    records = list(read(source, Unit(path, path.stat().st_size), reading))
    assert reading.count.good + reading.count.bad == len(records)
    return records, reading


def texts(records: list[Document | Rejected]) -> list[str]:
    return [
        record.content.text
        for record in records
        if isinstance(record, Document) and isinstance(record.content, Text)
    ]


def reasons(records: list[Document | Rejected]) -> list[str]:
    return [record.reason for record in records if isinstance(record, Rejected)]
