"""General examples among those of the task, against forgetting: conversations of another set, or plain text.

The general rows are drawn once, before training, and shuffled with the others into one plan; so what was replayed is
known by document like everything else. A share of 1 to 5% holds back what a weak shift forgets (arXiv 2403.08763).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from ontogeny.core.errors import DataError
from ontogeny.finetune.config_conversations import TooLong
from ontogeny.finetune.conversations import (
    Account,
    Conversations,
    Encoded,
    encode_conversations,
    read_examples,
)
from ontogeny.lineage.artifact import Artifact
from ontogeny.records.parts import read_parts
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.order import permute
from ontogeny.train.packing import DocumentSpans

TRAIN = "train"
DEFAULT_SHARE = 0.05
Row = TypeVar("Row")


def rows_wanted(conversations: Conversations, share: float) -> int:
    """How many rows are `share` of all, these and `conversations`."""
    return max(1, round(len(conversations) * share / (1 - share)))


def general_rows(
    general: Artifact, wanted: int, tokenizer: Tokenizer, *, seq_len: int, too_long: TooLong, seed: int
) -> Conversations:
    """`wanted` rows of `general`, or all of them where too few.

    Rows of a corpus are the beginnings of its training documents, of which every token is learnt.

    Raises:
        DataError: there is nothing to replay.
    """
    if general.kind == "corpus":
        replayed = encode_texts(_drawn(list(_texts(general.path)), wanted, seed), tokenizer, seq_len=seq_len)
    else:
        drawn = _drawn(list(read_examples(general.path, split=TRAIN)), wanted, seed)
        replayed = encode_conversations(drawn, tokenizer, seq_len=seq_len, too_long=too_long)
    if not len(replayed):
        raise DataError(
            f"nothing can be replayed: no training row holds anything to learn within {seq_len:,} tokens",
            where=general.name,
            hint="name another set in `replay`, or leave it out",
        )
    return replayed


def encode_texts(texts: Iterable[tuple[str, str]], tokenizer: Tokenizer, *, seq_len: int) -> Conversations:
    """(doc_id, text) pairs as rows of up to `seq_len` + 1 tokens, of which all but the first are learnt."""
    rows: list[tuple[str, Encoded]] = []
    for doc_id, text in texts:
        ids = [tokenizer.start_id, *tokenizer.encode(text)][: seq_len + 1]
        if len(ids) > 1:
            rows.append((doc_id, (ids, [0] + [1] * (len(ids) - 1))))
    return Conversations.of(rows, Account())


def joined(one: Conversations, other: Conversations) -> Conversations:
    """The rows of both; the account is that of the first."""
    spans = [one.spans, other.spans]
    start = np.concatenate([one.spans.start, other.spans.start + len(one.tokens)])
    return Conversations(
        tokens=np.concatenate([one.tokens, other.tokens]),
        learnt=np.concatenate([one.learnt, other.learnt]),
        spans=DocumentSpans(
            [*one.spans.doc_ids, *other.spans.doc_ids],
            np.concatenate([each.shard for each in spans]),
            start,
            np.concatenate([each.length for each in spans]),
        ),
        account=one.account,
    )


def _drawn(rows: list[Row], wanted: int, seed: int) -> list[Row]:
    """`wanted` of the rows, or all, chosen by `seed`."""
    if not rows:
        return []
    places = permute(np.arange(len(rows), dtype=np.int64), size=len(rows), key=seed)
    return [rows[int(place)] for place in places[:wanted]]


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for row in read_parts(folder, ["doc_id", "split", "text"]):
        if row["split"] == TRAIN and row["text"]:
            yield str(row["doc_id"]), str(row["text"])
