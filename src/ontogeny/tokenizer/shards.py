"""Token shards: documents end to end, each closed by the end-of-text token, and an index that says where each lies.

shard-00000.bin    uint16 where the vocabulary allows, else uint32; little-endian
index.parquet      doc_id, shard, start, length (tokens, those about the text included), split, source, group,
                   language (null where nobody said), bytes, digest (of the content, as in the corpus)

Where the tokenizer puts a begin-of-text token before a text, as Gemma's does, a document begins with it: prompts will
too, and a model that was trained so is lost without. Neither token has bytes.

A shard is closed by the first document that takes it to its limit. So where shards begin follows from the documents and
their order alone, and the files are the same to the byte however the work is cut up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import ArtifactError
from ontogeny.data.texts import Texts
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.encoder import BatchEncoder, EncodersDisagreeError, TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa

INDEX_FILE = "index.parquet"
SHARD_TOKENS = 1 << 27  # a new shard is begun once one holds this many: 256 MiB of uint16
BATCH_DOCUMENTS = 256
INDEX_ROWS = 1 << 16  # of a row group of the index
UINT16_ENTRIES = 1 << 16
LABELS = ("doc_id", "split", "source", "group", "language", "digest")
DIGEST = "digest"


@dataclass(frozen=True)
class TokenDocument:
    """A document to be tokenized."""

    doc_id: str
    text: str
    split: str
    source: str
    group: str
    language: str | None = None
    digest: str | None = None


@dataclass(frozen=True, eq=False)
class DocumentBatch:
    """Documents to be tokenized: their texts, and an Arrow array of strings for each of LABELS."""

    texts: Texts
    labels: dict[str, pa.Array[Any]]

    @classmethod
    def of(cls, documents: Sequence[TokenDocument]) -> DocumentBatch:
        """`documents` as buffers."""
        import pyarrow as pa

        texts = Texts.of([document.text for document in documents])
        return cls(
            texts,
            {name: pa.array([getattr(each, name) for each in documents], pa.string()) for name in LABELS},
        )


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
    """Write shards and index of documents that fit in memory; yields the bytes of text after each batch."""
    rows = list(documents)
    batches = [
        DocumentBatch.of(rows[at : at + BATCH_DOCUMENTS]) for at in range(0, len(rows), BATCH_DOCUMENTS)
    ]
    yield from write_batches(folder, lambda: batches, tokenizer, shard_tokens=shard_tokens)


def write_batches(
    folder: Path,
    batches: Callable[[], Iterable[DocumentBatch]],
    tokenizer: Tokenizer,
    *,
    parallel: bool = False,
    shard_tokens: int = SHARD_TOKENS,
    note: Callable[[str], None] = lambda message: None,
) -> Iterator[int]:
    """Write shards and index into `folder`; yields the bytes of text after each batch of documents.

    `batches` is called again, and everything written again, where the fast encoder is found to differ from
    `tokenizers`; `note` is told why `tokenizers` encodes.
    """
    encoder = BatchEncoder(tokenizer, parallel=parallel)
    try:
        if encoder.reason is not None:
            note(f"encoding with {encoder.name}: {encoder.reason}")
        yield from _write(folder, batches(), encoder, tokenizer, shard_tokens)
    except EncodersDisagreeError as error:
        note(f"{error}; beginning anew with tokenizers alone")
        for path in folder.glob("shard-*.bin"):
            path.unlink()
        slow = BatchEncoder(tokenizer, trusted=False)
        yield from _write(folder, batches(), slow, tokenizer, shard_tokens)


def _write(
    folder: Path,
    batches: Iterable[DocumentBatch],
    encoder: BatchEncoder,
    tokenizer: Tokenizer,
    shard_tokens: int,
) -> Iterator[int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    dtype, ends = shard_dtype(tokenizer.vocab_size), Ends.of(tokenizer)
    with (
        _ShardWriter(folder, dtype, shard_tokens) as shards,
        pq.ParquetWriter(folder / INDEX_FILE, _schema(), compression="zstd") as index,
    ):
        waiting = _schema().empty_table()
        for batch in batches:
            tokens = ends.put_about(encoder.encode(batch.texts), dtype)
            shard, start = shards.append(tokens)
            columns: dict[str, Any] = {"shard": shard, "start": start, "length": np.diff(tokens.offsets)}
            columns |= batch.labels | {"bytes": batch.texts.sizes}
            rows = pa.table({name: columns[name] for name in _schema().names}, schema=_schema())
            waiting = pa.concat_tables([waiting, rows])
            while len(waiting) >= INDEX_ROWS:
                index.write_table(waiting.slice(0, INDEX_ROWS))
                waiting = waiting.slice(INDEX_ROWS)
            yield int(batch.texts.offsets[-1])
        index.write_table(waiting)


@dataclass(frozen=True)
class WholeTokens:
    """Tokens of n documents, those about their texts included: document i is `ids[offsets[i]:offsets[i + 1]]`."""

    ids: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ends:
    """The tokens about the text of a document: `begin` before it, where there is one, and `end` after it."""

    begin: int | None
    end: int

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Ends:
        """As the default encoding of `tokenizer` has it; what begins with an end-of-text has that of the one before."""
        start, end = tokenizer.start_id, tokenizer.end_of_text_id
        return cls(None if start == end else start, end)

    @property
    def count(self) -> int:
        """How many they are."""
        return 1 if self.begin is None else 2

    def put_about(self, tokens: TokenBatch, dtype: np.dtype[Any]) -> WholeTokens:
        """The same tokens as `dtype`, with these about each text."""
        texts = len(tokens.offsets) - 1
        offsets = tokens.offsets + self.count * np.arange(texts + 1)
        ids = np.empty(len(tokens.ids) + self.count * texts, dtype=dtype)
        inside = np.ones(len(ids), dtype=np.bool_)
        inside[offsets[1:] - 1] = False
        ids[offsets[1:] - 1] = self.end
        if self.begin is not None:
            inside[offsets[:-1]] = False
            ids[offsets[:-1]] = self.begin
        ids[inside] = tokens.ids
        return WholeTokens(ids, offsets)


class TokenShards:
    """Memory-mapped shards and their index.

    `documents` has a column (numpy array) per name of the index but `digest`, which few read and which is long: see
    `digests`. `ends` are the tokens about each text.
    """

    def __init__(self, folder: Path, documents: dict[str, npt.NDArray[Any]]) -> None:
        self._folder = folder
        self.documents = documents
        tokenizer = Tokenizer.load(folder / "tokenizer")
        dtype = shard_dtype(tokenizer.vocab_size)
        count = int(documents["shard"].max()) + 1 if len(documents["shard"]) else 0
        self._shards = [_map(folder / _name(number), dtype) for number in range(count)]
        self.ends = self._ends(Ends.of(tokenizer))

    @classmethod
    def open(cls, folder: Path) -> TokenShards:
        """Open the payload of a `tokens` artifact.

        Raises:
            ArtifactError: the index or a shard is missing or cannot be read; names the file.
        """
        table = read_index(folder, [name for name in index_columns(folder) if name != DIGEST])
        return cls(folder, {name: table.column(name).to_numpy() for name in table.column_names})

    def _ends(self, ends: Ends) -> Ends:
        """`ends` as they are here: tokens of an older version have no begin-of-text."""
        if not self._shards or self._shards[0][0] == ends.begin:
            return ends
        return replace(ends, begin=None)

    def read(self, shard: int, start: int, length: int) -> npt.NDArray[Any]:
        """Token ids (length,) of a shard."""
        return self._shards[shard][start : start + length]

    def digests(self) -> npt.NDArray[Any] | None:
        """The content digest of each document; None where the index lacks one, as that of an older version does."""
        if DIGEST not in index_columns(self._folder):
            return None
        column = read_index(self._folder, [DIGEST]).column(DIGEST)
        return None if column.null_count else column.to_numpy()


def read_index(folder: Path, columns: list[str] | None = None) -> pa.Table:
    """The index of a `tokens` artifact, or some of its columns.

    Raises:
        ArtifactError: it is missing or cannot be read.
    """
    import pyarrow.parquet as pq

    with _index_errors(folder):
        return pq.read_table(folder / INDEX_FILE, columns=columns)


def index_columns(folder: Path) -> list[str]:
    """Names of the columns of an index.

    Raises:
        ArtifactError: it is missing or cannot be read.
    """
    import pyarrow.parquet as pq

    with _index_errors(folder):
        return list(pq.read_schema(folder / INDEX_FILE).names)


@contextmanager
def _index_errors(folder: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise ArtifactError(
            f"not an index of tokens ({error})",
            where=str(folder / INDEX_FILE),
            hint="run `ontogeny verify`",
        ) from error


class _ShardWriter:
    """Appends batches of documents to shards; a document is never cut."""

    def __init__(self, folder: Path, dtype: np.dtype[Any], shard_tokens: int) -> None:
        self._folder, self._dtype, self._limit = folder, dtype, shard_tokens
        self._number, self._length = -1, shard_tokens
        self._file: BinaryIO | None = None

    def __enter__(self) -> _ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def append(self, tokens: WholeTokens) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The shard and the position at which each document now stands, (n,) each."""
        count = len(tokens.offsets) - 1
        shard, start = np.empty(count, np.int64), np.empty(count, np.int64)
        row = 0
        while row < count:
            if self._file is None or self._length >= self._limit:
                self._next()
            first = tokens.offsets[row]
            # The document that reaches the limit is the last of this shard.
            last = int(np.searchsorted(tokens.offsets, first + self._limit - self._length))
            last = min(max(last, row + 1), count)
            shard[row:last] = self._number
            start[row:last] = tokens.offsets[row:last] - first + self._length
            assert self._file is not None
            self._file.write(tokens.ids[first : tokens.offsets[last]].data)
            self._length += int(tokens.offsets[last] - first)
            row = last
        return shard, start

    def _next(self) -> None:
        if self._file is not None:
            self._file.close()
        self._number, self._length = self._number + 1, 0
        self._file = (self._folder / _name(self._number)).open("wb")


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

    names = ("doc_id", "shard", "start", "length", "split", "source", "group", "language", "bytes", DIGEST)
    return pa.schema([(name, pa.string() if name in LABELS else pa.int64()) for name in names])
