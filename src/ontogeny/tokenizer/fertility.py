"""How much text a token holds, by source and by language.

Few bytes a token (high fertility) mean that the tokenizer was not learnt from such text: the model reads it slower, and
a context holds less of it. Bytes are those of UTF-8; tokens about a text are not counted. Scripts differ in bytes a
character, so a language is compared with itself under another tokenizer rather than with another language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from ontogeny.lineage.step import UNKNOWN
from ontogeny.tokenizer.encoder import BatchEncoder, EncodersDisagreeError

if TYPE_CHECKING:
    import pyarrow as pa

    from ontogeny.tokenizer.codec import Tokenizer
    from ontogeny.tokenizer.shards import DocumentBatch

Figures: TypeAlias = dict[str, float | int | None]


def fertility(index: pa.Table, *, ends: int) -> dict[str, Figures | dict[str, Figures]]:
    """Documents, bytes, tokens and bytes a token of an index: in `all`, by `source` and by `language`.

    `ends` tokens of each document stand about its text and are not counted.
    """
    import pyarrow as pa

    sums: list[Any] = [("bytes", "sum"), ("length", "sum"), ("length", "count")]
    names = ("bytes_sum", "length_sum", "length_count")
    everything = index.group_by([]).aggregate(sums).to_pylist()[0] if len(index) else dict.fromkeys(names, 0)
    found: dict[str, Figures | dict[str, Figures]] = {
        "all": _figures(*(everything[name] for name in names), ends=ends)
    }
    for label in ("source", "language"):
        column = index.column(label).fill_null(pa.scalar(UNKNOWN))
        grouped = index.set_column(index.column_names.index(label), label, column).group_by(label)
        rows = sorted(grouped.aggregate(sums).to_pylist(), key=lambda row: str(row[label]))
        found[label] = {str(row[label]): _figures(*(row[name] for name in names), ends=ends) for row in rows}
    return found


def bytes_per_token(
    tokenizer: Tokenizer, batches: Callable[[], Iterable[DocumentBatch]], *, parallel: bool = False
) -> float | None:
    """Bytes a token over all of `batches`; None where they have no text."""
    try:
        return _measure(BatchEncoder(tokenizer, parallel=parallel), batches())
    except EncodersDisagreeError:
        return _measure(BatchEncoder(tokenizer, trusted=False), batches())


def _measure(encoder: BatchEncoder, batches: Iterable[DocumentBatch]) -> float | None:
    size = tokens = 0
    for batch in batches:
        size += len(batch.texts.data)
        tokens += len(encoder.encode(batch.texts).ids)
    return size / tokens if tokens else None


def _figures(size: int, length: int, documents: int, *, ends: int) -> Figures:
    tokens = length - ends * documents
    return {
        "documents": documents,
        "bytes": size,
        "tokens": tokens,
        "bytes_per_token": size / tokens if tokens else None,
    }
