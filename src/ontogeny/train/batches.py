"""From rows of the packing plan to tensors: gathered from memory-mapped shards, cut into micro-batches.

The rows of a step are put in the order of their length, longest first, so that a micro-batch is padded only to its own
longest row. Padding stands on the right, where a causal model's other positions cannot see it, and is no target. Or the
rows of a micro-batch are laid end to end as one, in which each is a document of its own: then nothing is padded, and
losses and gradients are the same.

Where documents begin with a begin-of-text token, a row that goes on with one has that token for its context: a model
that has never read a text without it is lost where there is none (Gemma 7B has a perplexity of 3.5 on LAMBADA with it,
of 5.9 billion without: EleutherAI/lm-evaluation-harness, pull request 1465). Nothing is learnt that such a model is
never asked: neither that token, nor what follows it in the middle of a document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ontogeny.train.noise import EmbeddingNoise
from ontogeny.train.order import Int64s
from ontogeny.train.packing import PackingPlan

PADDING_ID = 0  # any id will do: nothing attends to padding and it is no target


class TokenSource(Protocol):
    """Where tokens lie, e.g. `tokenizer.shards.TokenShards`."""

    def read(self, shard: int, start: int, length: int) -> npt.NDArray[Any]:
        """Token ids (length,) of a shard, of any integer type."""


class MaskedSource(TokenSource, Protocol):
    """Tokens of which only some are to be learnt."""

    def read_mask(self, shard: int, start: int, length: int) -> npt.NDArray[np.bool_]:
        """(length,) True where the token is to be learnt."""


@dataclass(frozen=True)
class Batch:
    """Rows to learn from.

    `idx` (B, T) int64 are the inputs; `targets` (N,) int64 the tokens to predict; `positions` (N,) int64 where in the
    flattened (B * T) inputs each is predicted, None where every position predicts, in order. `tokens` counts the
    inputs without padding. `documents` (B, T) int64 numbers the documents of a row, from 0, where a token sees its own
    alone: an input counts to the document of its target, so that the token before a document, an end-of-text, is what
    its first token is predicted from, as when it stands alone. A document that begins with a begin-of-text token
    stands alone with that, and the end-of-text before it counts to the document that it ends. `noise` (B, T, C) is for
    the vectors of the inputs.
    """

    idx: Tensor
    targets: Tensor
    positions: Tensor | None
    tokens: int
    documents: Tensor | None = None
    noise: Tensor | None = None
    spare: bool = False
    """Whether it is computed only because another process computes one at the same time: it counts nothing."""

    @property
    def supervised(self) -> int:
        """How many tokens are to be predicted."""
        return 0 if self.spare else len(self.targets)


class BatchFeed(Protocol):
    """What a training reads, and what it is measured on; see `Batches`."""

    @property
    def plan(self) -> PackingPlan:
        """Which rows there are."""

    def part(self, number: int, parts: int) -> BatchFeed:
        """What process `number` of `parts` sees of it."""

    def micro_batches(self, step: int) -> list[Batch]:
        """The batches of a step (from 0)."""

    def documents(self, step: int) -> list[str]:
        """Ids of the documents that a step reads."""

    def every_row(self) -> Iterator[Batch]:
        """Each row once."""


class Batches:
    """The batches of a plan: by step for training, or all rows in order for measuring.

    `micro_batch_rows` are computed at once, or as many fewer as rows are longer than `micro_batch_seq_len`. With
    `end_to_end` they are laid as one row. `begin` is the token that every document begins with, where there is one.
    `noise` is put on what is trained on, never on what is measured.
    """

    def __init__(
        self,
        plan: PackingPlan,
        source: TokenSource,
        *,
        micro_batch_rows: int,
        micro_batch_seq_len: int | None = None,
        device: str = "cpu",
        masked: MaskedSource | None = None,
        document_mask: bool = False,
        end_to_end: bool = False,
        begin: int | None = None,
        noise: EmbeddingNoise | None = None,
    ) -> None:
        self.plan = plan
        self._source = source
        self._masked = masked
        self._rows_at_once = micro_batch_rows
        self._seq_len_at_once = micro_batch_seq_len
        self._document_mask = document_mask
        self._end_to_end = end_to_end
        self._begin = begin
        self._noise = noise
        self._device = torch.device(device)
        self._part, self._parts = 0, 1

    def part(self, number: int, parts: int) -> Batches:
        """The same batches as process `number` of `parts` sees them: every one of the processes gets as many."""
        mine = copy(self)
        mine._part, mine._parts = number, parts
        return mine

    def reading(self, source: TokenSource) -> Batches:
        """The same batches of another source, without noise: what lies there where the tokens lie here."""
        other = copy(self)
        other._source, other._noise = source, None
        return other

    def micro_batches(self, step: int) -> list[Batch]:
        """The rows of a step (from 0), `micro_batch_rows` at a time, longest first."""
        return list(self._cut(self.plan.order.rows_for_step(step), step))

    def documents(self, step: int) -> list[str]:
        """Ids of the documents that a step reads."""
        return self.plan.documents_of_rows(self.plan.order.rows_for_step(step))

    def every_row(self) -> Iterator[Batch]:
        """Each row of the plan once."""
        return self._cut(np.arange(self.plan.rows, dtype=np.int64))

    def _cut(self, rows: Int64s, step: int | None = None) -> Iterator[Batch]:
        longest_first = rows[np.argsort(-self.plan.row_tokens[rows], kind="stable")]
        at_once = self._rows_at_once
        if self._seq_len_at_once is not None:
            longest = int(self.plan.row_tokens[longest_first[0]]) - 1
            at_once = max(1, min(at_once, at_once * self._seq_len_at_once // longest))
        mine = longest_first[self._part :: self._parts]  # long and short ones in turn
        for start in range(0, -(-len(rows) // self._parts), at_once):
            chosen = mine[start : start + at_once]
            spare = len(chosen) == 0
            yield self._gather(longest_first[-1:] if spare else chosen, step, spare=spare)

    def _gather(self, rows: Int64s, step: int | None, *, spare: bool) -> Batch:
        lay = _laid_end_to_end if self._end_to_end else _padded
        idx, targets, learnt, documents = lay([self._row(int(row)) for row in rows])
        several = self._end_to_end and len(rows) > 1
        return Batch(
            idx=self._tensor(idx),
            targets=self._tensor(targets[learnt]),
            positions=None if learnt.all() else self._tensor(np.flatnonzero(learnt)),
            tokens=0 if spare else int(self.plan.row_tokens[rows].sum()) - len(rows),
            documents=self._tensor(documents) if self._document_mask or several else None,
            noise=None if self._noise is None or step is None else self._noise_of(rows, step, self._noise),
            spare=spare,
        )

    def _row(self, row: int) -> _Row:
        """A row of the plan."""
        plan = self.plan
        tokens = np.empty(plan.row_tokens[row], dtype=np.int64)
        learnt = np.ones(len(tokens), dtype=np.bool_)
        documents = np.empty(len(tokens) - 1, dtype=np.int64)
        for number, segment in enumerate(range(plan.first_segment[row], plan.first_segment[row + 1])):
            span = int(plan.shard[segment]), int(plan.start[segment]), int(plan.length[segment])
            offset = int(plan.offset[segment])
            end = offset + span[2]
            tokens[offset:end] = self._source.read(*span)
            if self._masked is not None:
                learnt[offset:end] = self._masked.read_mask(*span)
            documents[max(offset - 1, 0) : end - 1] = number
            if number and tokens[offset] == self._begin:
                documents[offset - 1] = number - 1  # the end-of-text before it
        if self._begin is not None:
            learnt[tokens == self._begin] = False
            if tokens[1] != self._begin:
                tokens[0], learnt[1] = self._begin, False
        return _Row(tokens[:-1], tokens[1:], learnt[1:], documents)

    def _noise_of(self, rows: Int64s, step: int, noise: EmbeddingNoise) -> Tensor:
        """(B, T, C) for rows as they are laid; nothing where there is padding."""
        drawn = [
            noise.of_row(
                step=step, row=int(row), inputs=int(self.plan.row_tokens[row]) - 1, device=self._device
            )
            for row in rows
        ]
        if self._end_to_end:
            return torch.cat(drawn).unsqueeze(0)
        return pad_sequence(drawn, batch_first=True)

    def _tensor(self, values: Int64s) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        if self._device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self._device, non_blocking=True)


class _Row(NamedTuple):
    """What is read and what is predicted: four arrays of equal length, or of equal shape."""

    inputs: Int64s
    targets: Int64s
    learnt: npt.NDArray[np.bool_]
    documents: Int64s


def _padded(rows: Sequence[_Row]) -> _Row:
    """Rows below each other, (B, T), T being the length of the longest."""
    shape = len(rows), max(len(row.inputs) for row in rows)
    laid = _Row(
        np.full(shape, PADDING_ID, dtype=np.int64),
        np.full(shape, PADDING_ID, dtype=np.int64),
        np.zeros(shape, dtype=np.bool_),
        np.full(shape, -1, dtype=np.int64),
    )
    for place, row in enumerate(rows):
        for whole, part in zip(laid, row, strict=True):
            whole[place, : len(part)] = part
    return laid


def _laid_end_to_end(rows: Sequence[_Row]) -> _Row:
    """Rows behind each other as one, (1, T), T being the sum of their lengths; their documents stay apart."""
    counts = [int(row.documents.max()) + 1 for row in rows]
    firsts = np.cumsum(counts) - counts
    documents = [row.documents + first for row, first in zip(rows, firsts, strict=True)]
    numbered = [row._replace(documents=own) for row, own in zip(rows, documents, strict=True)]
    return _Row(*(np.concatenate(parts)[None] for parts in zip(*numbered, strict=True)))
