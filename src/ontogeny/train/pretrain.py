"""Pretraining: the next token of every training document, in rows packed end to end.

plan = plan_pretraining(shards, config=..., seq_len=..., seed=...)
(plan, shards, figures = plan_mixture(parts, artifacts, config=..., seq_len=..., seed=...), for a mixture)
trained = pretrain(model, shards, plan, config=..., folder=..., progress=..., seed=...)
bits = held_out_bits_per_byte(model, tokenizer, shards)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import Progress
from ontogeny.core.seeds import derive_seed
from ontogeny.inference.scoring import bits_per_byte
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.shards import Ends, TokenShards
from ontogeny.train.batches import Batches
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_mixture import MixtureSource, Packing
from ontogeny.train.mixture import JoinedShards, open_mixture, pack_mixture, single_source, take
from ontogeny.train.packing import DocumentSpans, PackingPlan, TooFewTokens, pack_text
from ontogeny.train.phases import Stretch, batch_schedule, stretches_of
from ontogeny.train.training import HeldOut, Trained, train

TRAIN, HELD_OUT = "train", "held_out"

Shards: TypeAlias = TokenShards | JoinedShards
"""Tokens of one artifact, or of those of a mixture."""


def plan_pretraining(
    shards: TokenShards, *, config: TrainConfig, seq_len: int, seed: int, packing: Packing = "end-to-end"
) -> PackingPlan:
    """The rows of the training documents and their order.

    Rows of one length are read in epochs. Where phases have rows of different lengths, the documents are a stream, as a
    source of a mixture is, and each phase reads its own stretch of it.

    Raises:
        TooFewTokens: the training documents have fewer tokens than a row or a batch.
        UsageError: `epochs` comes to fewer steps than the schedule needs.
    """
    documents = documents_of(shards, TRAIN)
    rows = max(1, -(-documents.tokens // seq_len))
    try:
        steps = config.steps_over(rows)
    except ValueError as error:
        raise UsageError(str(error), where="train") from error
    stretches = stretches_of(config, seq_len=seq_len, steps=steps)
    if len({stretch.seq_len for stretch in stretches}) > 1:
        check_batches(stretches, documents.tokens)
        return pack_mixture(take(single_source(documents, steps), stretches), seed=seed, packing=packing)
    seq_len, batches = stretches[0].seq_len, batch_schedule(stretches)
    plan = pack_text(documents, seq_len=seq_len, batch_rows=1, seed=seed, packing=packing)
    check_batches(stretches, documents.tokens)
    return replace(plan, order=replace(plan.order, batches=batches))


def plan_mixture(
    parts: Sequence[MixtureSource],
    artifacts: Mapping[str, TokenShards],
    *,
    config: TrainConfig,
    seq_len: int,
    seed: int,
    packing: Packing = "end-to-end",
) -> tuple[PackingPlan, JoinedShards, list[dict[str, Any]]]:
    """The rows of a mixture in their order, the shards they lie in, and what each source gives.

    `artifacts` are the shards that the `from` of each part names.

    Raises:
        DataError: a source without training documents; a document that one part trains on and another holds out.
        TooFewTokens: fewer tokens in a phase than a batch has, or a source that would be read too often.
        UsageError: a source that an artifact does not have.
    """
    assert config.steps is not None  # a mixture without steps is refused with the configuration
    mixture, shards = open_mixture(parts, artifacts, steps=config.steps)
    mixture = take(mixture, stretches_of(config, seq_len=seq_len, steps=config.steps))
    for stretch, shares in zip(mixture.stretches, mixture.phases, strict=True):
        check_batches([stretch], sum(mixture.sources[share.source].documents.tokens for share in shares))
    return pack_mixture(mixture, seed=seed, packing=packing), shards, mixture.figures()


def check_batches(stretches: Sequence[Stretch], tokens: int) -> None:
    """Refuse batches that would hold some of `tokens` twice.

    Raises:
        TooFewTokens: says what would fit.
    """
    for stretch in stretches:
        if stretch.batch_rows * stretch.seq_len > tokens:
            raise TooFewTokens(
                f"a batch has {stretch.batch_rows:,} rows of {stretch.seq_len:,} tokens, but the training documents"
                f" have only {tokens:,} tokens",
                where="train",
                hint=f"lower `batch_rows` to at most {max(tokens // stretch.seq_len, 1):,}, lower `seq_len`, or bring"
                " more text",
            )


def pretrain(
    model: Transformer,
    shards: Shards,
    plan: PackingPlan,
    *,
    config: TrainConfig,
    folder: Path,
    progress: Progress,
    seed: int,
    device: str | None = None,
    origin: str = "",
    tokenizer: Tokenizer | None = None,
) -> Trained:
    """Train `model` in place on `plan`; resumes from `folder`. See `train.training.train` for the rest."""
    device = device or model.device.type
    if tokenizer is not None and shards.ends != Ends.of(tokenizer):
        progress.note(
            f"documents do not begin with {tokenizer.begin_of_text}, as the texts of this tokenizer do: the tokens are "
            "of an older version, so make them again"
        )
    batches = batches_of(plan, shards, config, device)
    return train(
        model,
        batches,
        config=config,
        folder=folder,
        progress=progress,
        label="pretrain",
        device=device,
        held_out=_held_out(shards, plan, config=config, device=device, seed=seed),
        origin=origin,
        tokenizer=tokenizer,
        describe=lambda doc_ids: with_sources(shards, doc_ids),
    )


def with_sources(shards: Shards, doc_ids: Sequence[str]) -> list[str]:
    """`books:3f2a...` for each of `doc_ids`, in their order."""
    index = shards.documents
    asked = np.flatnonzero(np.isin(index["doc_id"], list(doc_ids)))
    sources = {str(index["doc_id"][each]): str(index["source"][each]) for each in asked}
    return [f"{sources[doc_id]}:{doc_id}" for doc_id in doc_ids]


def _held_out(
    shards: Shards, plan: PackingPlan, *, config: TrainConfig, device: str, seed: int
) -> HeldOut | None:
    """Rows of some held-out documents, the same in all phases; None where nothing was held out."""
    documents = documents_of(shards, HELD_OUT)
    if not len(documents):
        return None
    part = documents.shuffled(derive_seed(seed, "held out")).first_tokens(config.eval_tokens)
    rows = pack_text(part, seq_len=min(plan.shortest_seq_len, part.tokens), batch_rows=1, seed=seed)
    learnt = part.tokens - len(part) * (shards.ends.begin is not None)
    return HeldOut(
        batches_of(rows, shards, config, device), tokens_per_byte=learnt / _text_bytes(shards, part)
    )


def batches_of(plan: PackingPlan, shards: Shards, config: TrainConfig, device: str) -> Batches:
    """The batches of a plan as the configuration cuts them."""
    return Batches(
        plan,
        shards,
        micro_batch_rows=config.rows_at_once,
        micro_batch_seq_len=None if config.micro_batch_rows is None else plan.shortest_seq_len,
        device=device,
        document_mask=config.document_mask,
        begin=shards.ends.begin,
    )


def documents_of(shards: Shards, split: str) -> DocumentSpans:
    """Where the documents of a split lie, in the order of the index."""
    index = shards.documents
    of_split = np.flatnonzero(index["split"] == split)
    shard, start, length = (index[name][of_split].astype(np.int64) for name in ("shard", "start", "length"))
    return DocumentSpans([str(doc_id) for doc_id in index["doc_id"][of_split]], shard, start, length)


def _text_bytes(shards: Shards, documents: DocumentSpans) -> int:
    """Bytes of the texts of `documents`."""
    chosen = np.isin(shards.documents["doc_id"], documents.doc_ids)
    return int(shards.documents["bytes"][chosen].sum())


def held_out_bits_per_byte(
    model: Transformer, tokenizer: Tokenizer, shards: Shards, *, progress: Progress | None = None
) -> float | None:
    """Bits a byte over all held-out documents, as `evaluate` measures; None where nothing was held out."""
    texts = list(texts_of(shards, tokenizer, HELD_OUT))
    return bits_per_byte(model, tokenizer, texts, progress=progress).value if texts else None


def texts_of(shards: Shards, tokenizer: Tokenizer, split: str) -> Iterator[str]:
    """The texts of a split that are not empty, decoded from their tokens (byte-level tokens decode exactly)."""
    documents = documents_of(shards, split)
    before = shards.ends.count - 1
    for shard, start, length in zip(documents.shard, documents.start, documents.length, strict=True):
        if length > shards.ends.count:
            ids = shards.read(int(shard), int(start) + before, int(length) - shards.ends.count)
            yield tokenizer.decode(ids.tolist())
