"""Portions that lie in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ontogeny.data.portions import Portion


@dataclass(frozen=True, eq=False)
class InMemory(Portion):
    """A portion whose documents are the rows of a table."""

    table: pa.Table

    @property
    def counts(self) -> dict[str, Any]:
        return {"documents": len(self.table)}

    def documents(self, columns: list[str] | None = None) -> pa.Table:
        return self.table if columns is None else self.table.select(columns)


def in_memory(columns: dict[str, Any]) -> InMemory:
    """A portion of documents with these columns."""
    return InMemory(Path(), pa.table(columns))
