"""The documents of a corpus in batches, column by column: no Python object is made for a text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ontogeny.data.texts import Texts
from ontogeny.records.parts import part_paths
from ontogeny.tokenizer.shards import LABELS, DocumentBatch

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_BYTES = 8 << 20
"""Text of a batch: what the encoder is given at once. A longer document is a batch of its own."""


def corpus_batches(corpus: Path, split: str | None = None) -> Iterator[DocumentBatch]:
    """The documents of a corpus, or those of one split, in its order."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for path in part_paths(corpus):
        with pq.ParquetFile(path) as file:
            present = set(file.schema_arrow.names)
            columns = ["text", *(name for name in LABELS if name in present)]
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=columns)
                if split is not None:
                    table = table.filter(pc.equal(table.column("split"), pa.scalar(split)))
                yield from _cut(table)


def _cut(table: pa.Table) -> Iterator[DocumentBatch]:
    """`table` in batches of about BATCH_BYTES."""
    import pyarrow as pa

    if not len(table):
        return
    texts = Texts.of_arrow(table.column("text"))
    labels = {
        name: table.column(name).cast(pa.string()).combine_chunks()
        if name in table.column_names
        else pa.nulls(len(table), pa.string())
        for name in LABELS
    }
    row = 0
    while row < len(texts):
        limit = texts.offsets[row] + BATCH_BYTES
        last = max(int(np.searchsorted(texts.offsets, limit, side="right")) - 1, row + 1)
        first = texts.offsets[row]
        part = Texts(texts.data[first : texts.offsets[last]], texts.offsets[row : last + 1] - first)
        yield DocumentBatch(part, {name: column[row:last] for name, column in labels.items()})
        row = last
