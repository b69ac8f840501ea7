"""General text for measuring what tuning costs elsewhere: the held-out documents of a corpus, or of its tokens."""

from __future__ import annotations

from collections.abc import Iterator

from ontogeny.core.errors import DataError
from ontogeny.lineage.artifact import Artifact
from ontogeny.records.parts import read_parts
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.shards import TokenShards
from ontogeny.train.pretrain import HELD_OUT, texts_of


def general_texts(general: Artifact, *, max_bytes: int | None) -> list[str]:
    """Held-out texts in the order they lie in, as many whole ones as `max_bytes` holds, at least one.

    Raises:
        DataError: no document is held out.
    """
    kept: list[str] = []
    size = 0
    for text in _held_out_texts(general):
        size += len(text.encode())
        if kept and max_bytes is not None and size > max_bytes:
            break
        kept.append(text)
    if not kept:
        raise DataError(
            "no document is held out, so forgetting cannot be measured",
            where=general.name,
            hint="raise `held_out_fraction` in the step that curated it, or leave `general` out",
        )
    return kept


def _held_out_texts(general: Artifact) -> Iterator[str]:
    if general.kind == "tokens":
        yield from texts_of(
            TokenShards.open(general.path), Tokenizer.load(general.path / "tokenizer"), HELD_OUT
        )
        return
    for row in read_parts(general.path, ["split", "text"]):
        if row["split"] == HELD_OUT and row["text"]:
            yield str(row["text"])
