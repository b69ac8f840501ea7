"""Token shards: documents end to end, each closed by the end-of-text token, and an index that says where each lies.

shard-00000.bin    uint16 where the vocabulary allows, else uint32; little-endian
index.parquet      doc_id, shard, start, length (tokens, the end-of-text included), split, source, group, bytes
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import ArtifactError
from ontogeny.tokenizer.codec import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa

INDEX_FILE = "index.parquet"
SHARD_TOKENS = 1 << 27  # a new shard is begun once one holds this many: 256 MiB of uint16
BATCH_DOCUMENTS = 256
UINT16_ENTRIES = 1 << 16


@dataclass(frozen=True)
class TokenDocument:
    """A document to be tokenized."""

    doc_id: str
    text: str
    split: str
    source: str
    group: str


def shard_dtype(vocab_size: int) -> np.dtype[Any]:
    """The smallest of the two types that holds every id."""
    return np.dtype("<u2" if vocab_size <= UINT16_ENTRIES else "<u4")


def write_shards(
    folder: Path,
    documents: Iterable[TokenDocument],
    tokenizer: Tokenizer,
    *,
    shard_tokens: int = SHARD_TOKENS,
) -> Iterator[int]:
    """Write shards and index into `folder`; yields the bytes of text after each batch of documents."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    dtype = shard_dtype(tokenizer.vocab_size)
    index: dict[str, list[Any]] = {name: [] for name in _schema().names}
    shards = _ShardWriter(folder, dtype, shard_tokens)
    remaining = iter(documents)
    while batch := list(islice(remaining, BATCH_DOCUMENTS)):
        encoded = tokenizer.encode_batch([document.text for document in batch])
        for document, ids in zip(batch, encoded, strict=True):
            tokens = np.array([*ids, tokenizer.end_of_text_id], dtype=dtype)
            shard, start = shards.append(tokens)
            size = len(document.text.encode())
            row = (
                document.doc_id,
                shard,
                start,
                len(tokens),
                document.split,
                document.source,
                document.group,
                size,
            )
            for name, value in zip(_schema().names, row, strict=True):
                index[name].append(value)
        yield sum(index["bytes"][-len(batch) :])
    shards.close()
    pq.write_table(pa.table(index, schema=_schema()), folder / INDEX_FILE, compression="zstd")


class TokenShards:
    """Memory-mapped shards and their index. `documents` has a column (numpy array) per name of the index."""

    def __init__(self, folder: Path, documents: dict[str, npt.NDArray[Any]]) -> None:
        self._folder = folder
        self.documents = documents
        vocab_size = Tokenizer.load(folder / "tokenizer").vocab_size
        count = int(documents["shard"].max()) + 1 if len(documents["shard"]) else 0
        self._shards = [_map(folder / _name(number), shard_dtype(vocab_size)) for number in range(count)]

    @classmethod
    def open(cls, folder: Path) -> TokenShards:
        """Open the payload of a `tokens` artifact.

        Raises:
            ArtifactError: the index or a shard is missing or cannot be read; names the file.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(folder / INDEX_FILE)
        except (OSError, pa.ArrowException) as error:
            raise ArtifactError(
                f"not an index of tokens ({error})",
                where=str(folder / INDEX_FILE),
                hint="run `ontogeny verify`",
            ) from error
        return cls(folder, {name: table.column(name).to_numpy() for name in table.column_names})

    def read(self, shard: int, start: int, length: int) -> npt.NDArray[Any]:
        """Token ids (length,) of a shard."""
        return self._shards[shard][start : start + length]


class _ShardWriter:
    """Appends token arrays, whole documents to a shard."""

    def __init__(self, folder: Path, dtype: np.dtype[Any], shard_tokens: int) -> None:
        self._folder, self._dtype, self._limit = folder, dtype, shard_tokens
        self._number, self._length = -1, shard_tokens
        self._file: BinaryIO | None = None

    def append(self, tokens: npt.NDArray[Any]) -> tuple[int, int]:
        """The shard and the position at which the tokens now stand."""
        if self._file is None or self._length >= self._limit:
            self.close()
            self._number, self._length = self._number + 1, 0
            self._file = (self._folder / _name(self._number)).open("wb")
        start = self._length
        self._file.write(tokens.tobytes())
        self._length += len(tokens)
        return self._number, start

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _name(number: int) -> str:
    return f"shard-{number:05d}.bin"


def _map(path: Path, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    try:
        return np.memmap(path, dtype=dtype, mode="r")
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"the shard cannot be read ({error})", where=str(path), hint="run `ontogeny verify`"
        ) from error


def _schema() -> pa.Schema:
    import pyarrow as pa

    string, number = pa.string(), pa.int64()
    names = ("doc_id", "shard", "start", "length", "split", "source", "group", "bytes")
    return pa.schema(
        [(name, number if name in ("shard", "start", "length", "bytes") else string) for name in names]
    )
