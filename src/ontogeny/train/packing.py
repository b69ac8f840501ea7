"""The packing plan: rows of document segments, made before training and published with the model.

For text, the training documents are shuffled and laid end to end in a circle, each ending with its end-of-text token.
Row r reads tokens r*T - 1 to r*T + T - 1: neighbours share one token, which is a target in the first and only context
in the second, so that in an epoch every token is a target exactly once. The last row is shorter where T does not
divide. Best fit lays the documents in an order in which hardly any that fits in a row is cut (`fitting`); the rest is
the same, so no row is padded. For conversations a row is one conversation.

The plan also knows the order of training (`order`), so "which documents were read between two steps" is computed from
packing.parquet alone; see `train.seen`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ontogeny.core.errors import ArtifactError, UsageError
from ontogeny.core.files import canonical_json, digest_bytes
from ontogeny.core.seeds import derive_seed
from ontogeny.train.config_mixture import Packing
from ontogeny.train.order import BatchSchedule, Int64s, PhasedOrder, RowOrder, order_of, permute

PACKING_FILE = "packing.parquet"
METADATA_KEY = b"ontogeny"
COLUMNS = ("row", "offset", "document", "shard", "start", "length")


class TooFewTokens(UsageError):
    """Settings that ask for more tokens than there are."""


@dataclass(frozen=True)
class DocumentSpans:
    """Where documents lie: document i is tokens start[i] to start[i] + length[i] of shard[i]."""

    doc_ids: Sequence[str]
    shard: Int64s
    start: Int64s
    length: Int64s

    def __len__(self) -> int:
        return len(self.doc_ids)

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return int(self.length.sum())

    def take(self, index: Int64s) -> DocumentSpans:
        """The documents at `index`, in its order."""
        return DocumentSpans(
            [self.doc_ids[i] for i in index], self.shard[index], self.start[index], self.length[index]
        )

    def first_tokens(self, tokens: int) -> DocumentSpans:
        """As many documents, from the first, as together have at least `tokens` tokens; all where none suffices."""
        enough = int(np.searchsorted(np.cumsum(self.length), tokens)) + 1
        return self.take(np.arange(min(enough, len(self)), dtype=np.int64))

    def shuffled(self, seed: int) -> DocumentSpans:
        """All documents, in an order that depends on `seed` alone."""
        return self.take(permute(np.arange(len(self), dtype=np.int64), size=len(self), key=seed))

    def fitted(self, seq_len: int, seed: int) -> DocumentSpans:
        """All documents, in an order in which they end with rows of `seq_len` where they can; see `fitting`."""
        from ontogeny.train.fitting import fitting_order

        return self.take(fitting_order(self.length, seq_len=seq_len, key=seed))


@dataclass(frozen=True)
class PackingPlan:
    """Segments in the order of rows and offsets: tokens [start, start + length) of a shard stand at `offset` of `row`.

    All columns are int64 of equal length; `document` indexes `doc_ids`. A row of n tokens has n - 1 inputs and
    n - 1 targets, at most `seq_len`; where phases have rows of other lengths, that is the longest of them.
    """

    doc_ids: Sequence[str]
    row: Int64s
    offset: Int64s
    document: Int64s
    shard: Int64s
    start: Int64s
    length: Int64s
    seq_len: int
    order: RowOrder | PhasedOrder
    ended_after: int | None = None
    """The step of the weights that were published, where that is not the last one planned."""

    @property
    def steps(self) -> int:
        """Steps that the model knows of; the order may go on."""
        return self.order.steps if self.ended_after is None else self.ended_after

    def until(self, step: int) -> PackingPlan:
        """The same plan, of which a model knows no more than the first `step` steps."""
        return replace(self, ended_after=None if step == self.order.steps else step)

    @property
    def rows(self) -> int:
        """Rows of an epoch, or of the whole run where it has phases."""
        return self.order.rows

    @cached_property
    def first_segment(self) -> Int64s:
        """(rows + 1,): row r has segments first_segment[r] to first_segment[r + 1]."""
        return np.searchsorted(self.row, np.arange(self.rows + 1)).astype(np.int64)

    @cached_property
    def row_tokens(self) -> Int64s:
        """(rows,): tokens of each row, the first of which is no target."""
        return np.add.reduceat(self.length, self.first_segment[:-1])

    @cached_property
    def digest(self) -> str:
        """BLAKE3 over everything that decides what is read when."""
        columns = b"".join(getattr(self, name).astype("<i8").tobytes() for name in COLUMNS)
        return digest_bytes(canonical_json([self._settings(), list(self.doc_ids)]) + columns)

    @property
    def shortest_seq_len(self) -> int:
        """Targets of a row in the phase that has the fewest of them in a row."""
        return self.seq_len if isinstance(self.order, RowOrder) else int(self.row_tokens.min()) - 1

    @cached_property
    def context(self) -> float:
        """Length of the row that a token is read in: the mean over all inputs, which is what attention costs go by."""
        inputs = (self.row_tokens - 1).astype(np.float64)
        return float((inputs * inputs).sum() / inputs.sum())

    def tokens_after(self, step: int) -> int:
        """Input tokens that remain to be read after `step` steps, rows of one epoch counted as equally long."""
        batches = self.order.batches
        if isinstance(self.order, RowOrder):
            mean = (int(self.row_tokens.sum()) - self.rows) / self.rows
            return round((batches.total - batches.rows_before(step)) * mean)
        # Within a phase all rows are equally long: whichever are left, these are as many tokens.
        return int((self.row_tokens[batches.rows_before(step) :] - 1).sum())

    def documents_of_rows(self, rows: Int64s) -> list[str]:
        """Ids of the documents in `rows`, each once, in the order met."""
        first = self.first_segment
        found = [self.document[first[row] : first[row + 1]] for row in rows]
        return [self.doc_ids[i] for i in dict.fromkeys(np.concatenate(found).tolist())]

    def save(self, path: Path) -> None:
        """Write the plan as Parquet: row, offset, doc_id, shard, start, length; the order in the file's metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {name: pa.array(getattr(self, name)) for name in COLUMNS if name != "document"}
        ids = pa.DictionaryArray.from_arrays(
            pa.array(self.document, type=pa.int32()), pa.array(list(self.doc_ids))
        )
        table = pa.table(
            {"row": columns.pop("row"), "offset": columns.pop("offset"), "doc_id": ids, **columns}
        )
        ended = {} if self.ended_after is None else {"ended_after": self.ended_after}
        settings = canonical_json({**self._settings(), **ended, "digest": self.digest})
        pq.write_table(table.replace_schema_metadata({METADATA_KEY: settings}), path, compression="zstd")

    @classmethod
    def load(cls, path: Path) -> PackingPlan:
        """Read what `save` wrote.

        Raises:
            ArtifactError: no such file, or not a packing plan.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
            settings = json.loads((table.schema.metadata or {})[METADATA_KEY])
            ids = table.column("doc_id").combine_chunks()
            ids = ids if isinstance(ids, pa.DictionaryArray) else ids.dictionary_encode()
            columns = {
                name: table.column(name).to_numpy().astype(np.int64) for name in COLUMNS if name != "document"
            }
            return cls(
                doc_ids=[str(doc_id) for doc_id in ids.dictionary.to_pylist()],
                document=ids.indices.to_numpy().astype(np.int64),
                seq_len=settings["seq_len"],
                ended_after=settings.get("ended_after"),
                order=order_of(settings["order"]),
                **columns,
            )
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise ArtifactError(
                f"not a packing plan ({type(error).__name__}: {error})",
                where=str(path),
                hint="only models that were trained here have one; restore the file from a copy if it is damaged",
            ) from error

    def _settings(self) -> dict[str, object]:
        return {"seq_len": self.seq_len, "order": self.order.settings()}


def pack_text(
    documents: DocumentSpans,
    *,
    seq_len: int,
    batch_rows: int,
    steps: int | None = None,
    seed: int,
    packing: Packing = "end-to-end",
) -> PackingPlan:
    """Rows of `seq_len` targets over all `documents`; without `steps`, the order covers one epoch.

    `packing` decides the order of the documents in the circle.

    Raises:
        TooFewTokens: the documents have fewer than `seq_len` tokens.
    """
    tokens = documents.tokens
    if tokens < seq_len:
        raise TooFewTokens(
            f"a row has {seq_len:,} tokens, but the training documents have only {tokens:,}",
            where="train",
            hint=f"lower `seq_len` to at most {max(tokens, 1):,}, or bring more text",
        )
    shuffled = documents.shuffled(derive_seed(seed, "documents"))
    if packing == "best-fit":
        shuffled = shuffled.fitted(seq_len, derive_seed(seed, "fit"))
    circle = closed_circle(shuffled)
    cut = cut_into_rows(circle.length, seq_len)
    return PackingPlan(
        doc_ids=list(shuffled.doc_ids),
        row=cut.row,
        offset=cut.offset,
        document=np.where(cut.span == 0, len(shuffled) - 1, cut.span - 1),
        shard=circle.shard[cut.span],
        start=circle.start[cut.span] + cut.skipped,
        length=cut.length,
        seq_len=seq_len,
        order=_epochs(cut.rows, batch_rows, steps, seed),
    )


def closed_circle(spans: DocumentSpans) -> DocumentSpans:
    """`spans` after the one token that comes before the first: the last one of the last."""
    circle = spans.take(np.concatenate([[len(spans) - 1], np.arange(len(spans))]))
    circle.start[0] += circle.length[0] - 1
    circle.length[0] = 1
    return circle


@dataclass(frozen=True)
class RowCuts:
    """Spans laid end to end and cut into rows: segment i is `length[i]` tokens of `span[i]`, after `skipped[i]` of it,
    and stands at `offset[i]` of `row[i]`.
    """

    rows: int
    row: Int64s
    offset: Int64s
    span: Int64s
    skipped: Int64s
    length: Int64s


def cut_into_rows(lengths: Int64s, seq_len: int) -> RowCuts:
    """Cut spans of `lengths` into rows of `seq_len` + 1 tokens that overlap by one; the last may be shorter.

    The first span is the one token before the first target.
    """
    ends = np.cumsum(lengths)
    begins = ends - lengths
    tokens = int(ends[-1]) - 1
    rows = -(-tokens // seq_len)
    row_begin = np.arange(rows, dtype=np.int64) * seq_len
    row_end = np.minimum(row_begin + seq_len, tokens) + 1
    first = np.searchsorted(ends, row_begin, side="right")
    counts = np.searchsorted(ends, row_end - 1, side="right") - first + 1
    row = np.repeat(np.arange(rows, dtype=np.int64), counts)
    within = np.arange(len(row), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    span = first[row] + within
    begin, end = np.maximum(begins[span], row_begin[row]), np.minimum(ends[span], row_end[row])
    return RowCuts(rows, row, begin - row_begin[row], span, begin - begins[span], end - begin)


def pack_whole(
    documents: DocumentSpans, *, seq_len: int, batch_rows: int, steps: int | None = None, seed: int
) -> PackingPlan:
    """One row a document, which has from 2 to `seq_len` + 1 tokens; without `steps`, the order covers one epoch."""
    rows = len(documents)
    index: Int64s = np.arange(rows, dtype=np.int64)
    return PackingPlan(
        doc_ids=list(documents.doc_ids),
        row=index,
        offset=np.zeros(rows, dtype=np.int64),
        document=index,
        shard=documents.shard,
        start=documents.start,
        length=documents.length,
        seq_len=seq_len,
        order=_epochs(rows, batch_rows, steps, seed),
    )


def _epochs(rows: int, batch_rows: int, steps: int | None, seed: int) -> RowOrder:
    """The order of `steps`, or of one epoch, in batches of one size."""
    batches = BatchSchedule.even(batch_rows, -(-rows // batch_rows) if steps is None else steps)
    return RowOrder(rows, batches, derive_seed(seed, "rows"))
