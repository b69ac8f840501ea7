"""From rows of the packing plan to tensors: gathered from memory-mapped shards, padded, cut into micro-batches.

The rows of a step are put in the order of their length, longest first, so that a micro-batch is padded only to its own
longest row. Padding stands on the right, where a causal model's other positions cannot see it, and is no target.

Where documents begin with a begin-of-text token, a row that goes on with one has that token for its context: a model
that has never read a text without it is lost where there is none (Gemma 7B has a perplexity of 3.5 on LAMBADA with it,
of 5.9 billion without: EleutherAI/lm-evaluation-harness, pull request 1465). Nothing is learnt that such a model is
never asked: neither that token, nor what follows it in the middle of a document.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

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
    stands alone with that, and the end-of-text before it counts to the document that it ends.
    """

    idx: Tensor
    targets: Tensor
    positions: Tensor | None
    tokens: int
    documents: Tensor | None = None
    spare: bool = False
    """Whether it is computed only because another process computes one at the same time: it counts nothing."""

    @property
    def supervised(self) -> int:
        """How many tokens are to be predicted."""
        return 0 if self.spare else len(self.targets)


class Batches:
    """The batches of a plan: by step for training, or all rows in order for measuring.

    `micro_batch_rows` are computed at once, or as many fewer as rows are longer than `micro_batch_seq_len`. `begin` is
    the token that every document begins with, where there is one.
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
        begin: int | None = None,
    ) -> None:
        self.plan = plan
        self._source = source
        self._masked = masked
        self._rows_at_once = micro_batch_rows
        self._seq_len_at_once = micro_batch_seq_len
        self._document_mask = document_mask
        self._begin = begin
        self._device = torch.device(device)
        self._part, self._parts = 0, 1

    def part(self, number: int, parts: int) -> Batches:
        """The same batches as process `number` of `parts` sees them: every one of the processes gets as many."""
        mine = copy(self)
        mine._part, mine._parts = number, parts
        return mine

    def micro_batches(self, step: int) -> list[Batch]:
        """The rows of a step (from 0), `micro_batch_rows` at a time, longest first."""
        return list(self._cut(self.plan.order.rows_for_step(step)))

    def documents(self, step: int) -> list[str]:
        """Ids of the documents that a step reads."""
        return self.plan.documents_of_rows(self.plan.order.rows_for_step(step))

    def every_row(self) -> Iterator[Batch]:
        """Each row of the plan once."""
        return self._cut(np.arange(self.plan.rows, dtype=np.int64))

    def _cut(self, rows: Int64s) -> Iterator[Batch]:
        longest_first = rows[np.argsort(-self.plan.row_tokens[rows], kind="stable")]
        at_once = self._rows_at_once
        if self._seq_len_at_once is not None:
            longest = int(self.plan.row_tokens[longest_first[0]]) - 1
            at_once = max(1, min(at_once, at_once * self._seq_len_at_once // longest))
        mine = longest_first[self._part :: self._parts]  # long and short ones in turn
        for start in range(0, -(-len(rows) // self._parts), at_once):
            chosen = mine[start : start + at_once]
            spare = len(chosen) == 0
            yield self._gather(longest_first[-1:] if spare else chosen, spare=spare)

    def _gather(self, rows: Int64s, *, spare: bool) -> Batch:
        B, T = len(rows), int(self.plan.row_tokens[rows].max()) - 1
        tokens = np.full((B, T + 1), PADDING_ID, dtype=np.int64)
        learnt = np.zeros((B, T + 1), dtype=np.bool_)
        documents = np.full((B, T), -1, dtype=np.int64)
        for place, row in enumerate(rows):
            self._lay(int(row), tokens[place], learnt[place], documents[place])
        supervised = learnt[:, 1:]
        whole = bool(supervised.all())
        return Batch(
            idx=self._tensor(tokens[:, :-1]),
            targets=self._tensor(tokens[:, 1:][supervised]),
            positions=None if whole else self._tensor(np.flatnonzero(supervised)),
            tokens=0 if spare else int(self.plan.row_tokens[rows].sum()) - B,
            documents=self._tensor(documents) if self._document_mask else None,
            spare=spare,
        )

    def _lay(self, row: int, tokens: Int64s, learnt: npt.NDArray[np.bool_], documents: Int64s) -> None:
        """Write a row of the plan into one of `tokens` (T + 1,), `learnt` (T + 1,) and `documents` (T,)."""
        plan = self.plan
        for number, segment in enumerate(range(plan.first_segment[row], plan.first_segment[row + 1])):
            span = int(plan.shard[segment]), int(plan.start[segment]), int(plan.length[segment])
            offset = int(plan.offset[segment])
            end = offset + span[2]
            tokens[offset:end] = self._source.read(*span)
            learnt[offset:end] = True if self._masked is None else self._masked.read_mask(*span)
            documents[max(offset - 1, 0) : end - 1] = number
            if number and tokens[offset] == self._begin:
                documents[offset - 1] = number - 1  # the end-of-text before it
        if self._begin is not None:
            learnt[tokens == self._begin] = False
            if tokens[1] != self._begin:
                tokens[0], learnt[1] = self._begin, False

    def _tensor(self, values: Int64s) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        if self._device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self._device, non_blocking=True)
