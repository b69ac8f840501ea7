"""Conversations as token rows: one row each, with a mask that is true where the assistant speaks.

A conversation stands alone in its row, at the positions where it will stand when the model is used, and rows are padded
on the right within a micro-batch (see `train.batches`). What does not fit into `seq_len` is cut off at its end and
counted; a conversation of which no answer is left is left out and counted too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError
from ontogeny.records.parts import part_paths, read_parts
from ontogeny.tokenizer.chat import Messages, encode_conversation
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.packing import DocumentSpans

COLUMNS = ("doc_id", "split", "messages")


@dataclass(frozen=True)
class Conversations:
    """Encoded conversations, end to end; they serve `train.batches` as a masked source with one shard.

    `tokens` (N,) uint32 and `learnt` (N,) bool; `spans` says where each conversation lies.
    """

    tokens: npt.NDArray[np.uint32]
    learnt: npt.NDArray[np.bool_]
    spans: DocumentSpans
    truncated: int
    """Conversations cut off at `seq_len`."""
    without_answer: int
    """Conversations left out: no answer, or none within `seq_len`."""

    def __len__(self) -> int:
        return len(self.spans)

    def read(self, shard: int, start: int, length: int) -> npt.NDArray[np.uint32]:
        """Token ids (length,)."""
        return self.tokens[start : start + length]

    def read_mask(self, shard: int, start: int, length: int) -> npt.NDArray[np.bool_]:
        """(length,) True where the token is to be learnt."""
        return self.learnt[start : start + length]


def encode_conversations(
    examples: Iterable[tuple[str, Messages]], tokenizer: Tokenizer, *, seq_len: int
) -> Conversations:
    """Encode (doc_id, messages) pairs for a model that reads `seq_len` tokens."""
    tokens: list[npt.NDArray[np.uint32]] = []
    learnt: list[npt.NDArray[np.bool_]] = []
    doc_ids: list[str] = []
    truncated = without_answer = 0
    for doc_id, messages in examples:
        ids, mask = encode_conversation(tokenizer, messages)
        truncated += len(ids) > seq_len + 1
        ids, mask = ids[: seq_len + 1], mask[: seq_len + 1]  # the last token is only a target
        if not any(mask[1:]):
            without_answer += 1
            continue
        doc_ids.append(doc_id)
        tokens.append(np.array(ids, dtype=np.uint32))
        learnt.append(np.array(mask, dtype=np.bool_))
    lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)
    spans = DocumentSpans(doc_ids, np.zeros_like(lengths), np.cumsum(lengths) - lengths, lengths)
    return Conversations(
        tokens=np.concatenate(tokens) if tokens else np.zeros(0, dtype=np.uint32),
        learnt=np.concatenate(learnt) if learnt else np.zeros(0, dtype=np.bool_),
        spans=spans,
        truncated=truncated,
        without_answer=without_answer,
    )


def read_examples(folder: Path, *, split: str) -> Iterator[tuple[str, Messages]]:
    """(doc_id, messages) of the examples in `part-*.parquet` that belong to `split`, in their order.

    Raises:
        DataError: examples without `messages`.
    """
    import pyarrow.parquet as pq

    for part in part_paths(folder):
        missing = [name for name in COLUMNS if name not in pq.read_schema(part).names]
        if missing:
            raise DataError(
                f"the examples have no column {missing[0]!r}",
                where=str(part),
                hint="`task: instruct` learns from `messages`: set `task: instruct` in the `examples` step too",
            )
    for row in read_parts(folder, list(COLUMNS)):
        if row["split"] == split:
            yield str(row["doc_id"]), cast(Messages, row["messages"])
