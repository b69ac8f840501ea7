"""Conversations as token rows: one row each, with a mask that is true where the assistant speaks.

A conversation stands alone in its row, at the positions where it will stand when the model is used; how rows are laid
side by side to be computed is for `train.batches`. What does not fit into `seq_len` is cut as the settings say, and
counted; a conversation of which no answer is left is left out and counted too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError
from ontogeny.finetune.config_conversations import TooLong
from ontogeny.records.parts import part_paths, read_parts
from ontogeny.tokenizer.chat import Messages, encode_conversation
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.packing import DocumentSpans

COLUMNS = ("doc_id", "split", "messages")
WAYS = {
    "cut": "their ends are cut off",
    "drop": "they are left out",
    "last-turns": "their first turns are left out",
}

Encoded: TypeAlias = tuple[list[int], list[int]]  # token ids, and 1 for each that is to be learnt


@dataclass
class Account:
    """What became of the conversations read: read = kept + without_answer + out_of_reach + dropped."""

    read: int = 0
    kept: int = 0
    without_answer: int = 0
    """Left out: nobody answers."""
    out_of_reach: int = 0
    """Left out: the answers stand beyond `seq_len`."""
    dropped: int = 0
    """Left out: longer than `seq_len`, with `too_long: drop`."""
    truncated: int = 0
    """Longer than `seq_len`, and so not read whole, wherever they are counted above."""
    tokens_read: int = 0
    tokens_cut: int = 0
    """Tokens beyond `seq_len` that are not learnt from, those of conversations left out included."""

    def __add__(self, other: Account) -> Account:
        return Account(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def figures(self) -> dict[str, int]:
        """What the metrics of a step tell."""
        names = ("truncated", "tokens_cut", "without_answer", "out_of_reach", "dropped")
        return {name: getattr(self, name) for name in names}

    def notes(self, *, seq_len: int, too_long: TooLong) -> Iterator[str]:
        """What to know before training."""
        if self.truncated:
            yield (
                f"{self.truncated:,} of {self.read:,} conversations are longer than `seq_len` ({seq_len:,} tokens): "
                f"{WAYS[too_long]}, {self.tokens_cut:,} of {self.tokens_read:,} tokens (see `too_long`)"
            )
        for count, why in (
            (self.without_answer, "have no answer of the assistant"),
            (self.out_of_reach, "answer only beyond `seq_len`"),
        ):
            if count:
                yield f"{count:,} of {self.read:,} conversations {why} and are left out"


@dataclass(frozen=True)
class Conversations:
    """Encoded conversations, end to end; they serve `train.batches` as a masked source with one shard.

    `tokens` (N,) uint32 and `learnt` (N,) bool; `spans` says where each conversation lies.
    """

    tokens: npt.NDArray[np.uint32]
    learnt: npt.NDArray[np.bool_]
    spans: DocumentSpans
    account: Account

    @classmethod
    def of(cls, rows: Iterable[tuple[str, Encoded]], account: Account) -> Conversations:
        """Lay encoded rows end to end."""
        listed = [
            (doc_id, np.array(ids, dtype=np.uint32), np.array(mask, np.bool_)) for doc_id, (ids, mask) in rows
        ]
        lengths = np.array([len(ids) for _, ids, _ in listed], dtype=np.int64)
        doc_ids = [doc_id for doc_id, _, _ in listed]
        return cls(
            tokens=np.concatenate([np.zeros(0, dtype=np.uint32), *(ids for _, ids, _ in listed)]),
            learnt=np.concatenate([np.zeros(0, dtype=np.bool_), *(mask for _, _, mask in listed)]),
            spans=DocumentSpans(doc_ids, np.zeros_like(lengths), np.cumsum(lengths) - lengths, lengths),
            account=account,
        )

    def __len__(self) -> int:
        return len(self.spans)

    def read(self, shard: int, start: int, length: int) -> npt.NDArray[np.uint32]:
        """Token ids (length,)."""
        return self.tokens[start : start + length]

    def read_mask(self, shard: int, start: int, length: int) -> npt.NDArray[np.bool_]:
        """(length,) True where the token is to be learnt."""
        return self.learnt[start : start + length]


def encode_conversations(
    examples: Iterable[tuple[str, Messages]],
    tokenizer: Tokenizer,
    *,
    seq_len: int,
    too_long: TooLong = "cut",
) -> Conversations:
    """Encode (doc_id, messages) pairs for a model that reads `seq_len` tokens.

    Raises:
        DataError: the chat template does not take some of them; tells how many, and names the first.
    """
    account = Account()
    rows: list[tuple[str, Encoded]] = []
    refused: list[tuple[str, DataError]] = []
    for doc_id, messages in examples:
        account.read += 1
        try:
            encoded = encode_conversation(tokenizer, messages)
            fitted = _fitted(encoded, messages, tokenizer, room=seq_len + 1, too_long=too_long)
        except DataError as error:
            refused.append((doc_id, error))
            continue
        if _counted(account, encoded, fitted):
            rows.append((doc_id, fitted))
    if refused:
        doc_id, first = refused[0]
        raise DataError(
            f"{len(refused):,} of {account.read:,} conversations do not go with the chat template; the first: "
            f"{first.message}",
            where=f"example {doc_id}",
            hint=first.hint or "choose another `template`, or mend these examples",
        )
    return Conversations.of(rows, account)


def _fitted(
    encoded: Encoded, messages: Messages, tokenizer: Tokenizer, *, room: int, too_long: TooLong
) -> Encoded:
    """What is learnt of a conversation in a row of `room` tokens, of which the last is only a target."""
    ids, mask = encoded
    if len(ids) <= room:
        return encoded
    if too_long == "drop":
        return [], []
    if too_long == "last-turns":
        first = 1 if messages[0]["role"] == "system" else 0
        for position in range(first + 1, len(messages)):
            if messages[position]["role"] == "user":
                ids, mask = encode_conversation(tokenizer, [*messages[:first], *messages[position:]])
                if len(ids) <= room:
                    break
    return ids[:room], mask[:room]


def _counted(account: Account, encoded: Encoded, fitted: Encoded) -> bool:
    """Whether there is something to learn in `fitted`, which is what is left of `encoded`."""
    cut = len(fitted[0]) < len(encoded[0])
    worth = any(fitted[1][1:])  # the first token is never a target
    account.tokens_read += len(encoded[0])
    account.truncated += cut
    account.tokens_cut += len(encoded[0]) - (len(fitted[0]) if worth else 0) if cut else 0
    if worth:
        account.kept += 1
    elif not any(encoded[1]):
        account.without_answer += 1
    elif fitted[0]:
        account.out_of_reach += 1
    else:
        account.dropped += 1
    return worth


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
