"""Pretraining on tokens with a begin-of-text token before each document, as those of Gemma have one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ontogeny.model.config import ModelShape
from ontogeny.model.init import initialise
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.config import MESSAGE_START
from ontogeny.tokenizer.shards import TokenDocument, TokenShards, write_shards
from ontogeny.tokenizer.train import train_bpe
from ontogeny.train.config import TrainConfig
from ontogeny.train.pretrain import (
    HELD_OUT,
    TRAIN,
    _held_out,
    batches_of,
    documents_of,
    plan_pretraining,
    pretrain,
    texts_of,
)
from ontogeny.train.seen import documents_seen
from tests.notes import Notes
from tests.tokenizer.conftest import with_begin

TEXTS = [f"the function {number} gives back a list of names" for number in range(12)] + [""]
SEQ_LEN = 16
MODEL = ModelShape(d_model=16, n_layers=1, n_heads=2, d_ff=24, seq_len=SEQ_LEN)
CONFIG = TrainConfig.model_validate({"epochs": 1, "batch_rows": 1, "schedule": {"warmup_steps": 0}})


@pytest.fixture(params=[False, True], ids=["plain", "begun"])
def tokens(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[TokenShards, Tokenizer]:
    tokenizer = train_bpe(TEXTS, vocab_size=300)
    if request.param:
        tokenizer = with_begin(tokenizer, tmp_path / "tokenizer")
    else:
        (tmp_path / "tokenizer").mkdir()
        tokenizer.save(tmp_path / "tokenizer")
    documents = [
        TokenDocument(f"{n:032x}", text, TRAIN if n % 4 else HELD_OUT, "made", str(n))
        for n, text in enumerate(TEXTS)
    ]
    list(write_shards(tmp_path, documents, tokenizer, shard_tokens=100))
    return TokenShards.open(tmp_path), tokenizer


def test_texts_come_back_without_the_tokens_about_them(tokens: tuple[TokenShards, Tokenizer]) -> None:
    shards, tokenizer = tokens
    assert list(texts_of(shards, tokenizer, HELD_OUT)) == [text for text in TEXTS[::4] if text]


def test_all_tokens_of_a_document_are_read_once_an_epoch(tokens: tuple[TokenShards, Tokenizer]) -> None:
    shards, tokenizer = tokens
    plan = plan_pretraining(shards, config=CONFIG, seq_len=SEQ_LEN, seed=1)
    about = 2 if tokenizer.adds_begin else 1
    expected = {f"{n:032x}": len(tokenizer.encode(text)) + about for n, text in enumerate(TEXTS) if n % 4}
    assert {document.doc_id: document.tokens for document in documents_seen(plan)} == expected
    assert documents_of(shards, TRAIN).tokens == sum(expected.values())


def test_bits_are_those_of_texts_and_their_ends(tokens: tuple[TokenShards, Tokenizer]) -> None:
    """A token before a text is not learnt, has no bytes, and so costs nothing."""
    shards, tokenizer = tokens
    plan = plan_pretraining(shards, config=CONFIG, seq_len=SEQ_LEN, seed=1)
    held_out = _held_out(shards, plan, config=CONFIG, device="cpu", seed=1)
    assert held_out is not None
    learnt = sum(len(tokenizer.encode(text)) + 1 for text in TEXTS[::4])
    assert held_out.tokens_per_byte == learnt / sum(len(text.encode()) for text in TEXTS[::4])
    targets = np.concatenate([batch.targets.numpy() for batch in held_out.batches.every_row()])
    rows_that_go_on = learnt - len(targets)
    assert 0 <= rows_that_go_on < held_out.batches.plan.rows
    assert (tokenizer.start_id in targets) is not tokenizer.adds_begin


@pytest.mark.parametrize("old", [False, True])
def test_tokens_of_an_older_version_are_noted(tmp_path: Path, old: bool) -> None:
    plain = train_bpe(TEXTS, vocab_size=300)
    begun = with_begin(plain, tmp_path / "tokenizer")
    documents = [TokenDocument(f"{n:032x}", text, TRAIN, "made", str(n)) for n, text in enumerate(TEXTS)]
    list(write_shards(tmp_path, documents, plain if old else begun))
    shards = TokenShards.open(tmp_path)
    model = Transformer(MODEL.resolve(begun.vocab_size))
    initialise(model, 1)
    config = CONFIG.model_copy(update={"epochs": None, "steps": 1, "dtype": "float32"})
    plan = plan_pretraining(shards, config=config, seq_len=SEQ_LEN, seed=1)
    notes = Notes()
    pretrain(model, shards, plan, config=config, folder=tmp_path, progress=notes, seed=1, tokenizer=begun)
    assert [MESSAGE_START in note and "make them again" in note for note in notes.said] == [True] * old


def test_every_row_begins_as_a_text_does(tokens: tuple[TokenShards, Tokenizer]) -> None:
    shards, tokenizer = tokens
    plan = plan_pretraining(shards, config=CONFIG, seq_len=SEQ_LEN, seed=1)
    begins = [
        tokenizer.start_id in row[:2]
        for batch in batches_of(plan, shards, CONFIG, "cpu").every_row()
        for row in batch.idx.tolist()
    ]
    assert all(begins) is tokenizer.adds_begin
