"""A tiny model and tiny documents, made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ontogeny.model.config import ModelConfig, ModelShape
from ontogeny.model.transformer import Transformer
from ontogeny.train.packing import DocumentSpans
from tests.random_weights import randomise

VOCAB_SIZE = 61
SEQ_LEN = 12


class Shards:
    """Tokens in memory, with a rule that a model can learn; every fifth token is not to be learnt where masked."""

    def __init__(self, tokens: int) -> None:
        steps = np.random.default_rng(0).integers(1, 4, tokens)
        self.tokens = (np.cumsum(steps) % VOCAB_SIZE).astype(np.uint16)

    def read(self, shard: int, start: int, length: int) -> npt.NDArray[np.uint16]:
        assert shard == 0
        return self.tokens[start : start + length]

    def read_mask(self, shard: int, start: int, length: int) -> npt.NDArray[np.bool_]:
        return np.arange(start, start + length) % 5 != 0


class Unlike:
    """Tokens of another rule, each twice the one before: held out, their loss falls for a while and rises again."""

    def read(self, shard: int, start: int, length: int) -> npt.NDArray[np.uint16]:
        return np.array(
            [pow(2, place, VOCAB_SIZE) for place in range(start, start + length)], dtype=np.uint16
        )


@pytest.fixture
def shards() -> Shards:
    return Shards(600)


def tiny_documents() -> DocumentSpans:
    """Ten documents, 600 tokens."""
    lengths = np.array([40, 7, 23, 60, 11, 90, 5, 64, 100, 200], dtype=np.int64)
    ids = [f"{number:032x}" for number in range(len(lengths))]
    return DocumentSpans(ids, np.zeros(len(lengths), dtype=np.int64), np.cumsum(lengths) - lengths, lengths)


def make_tiny_model(*, tie_embeddings: bool = True) -> Transformer:
    """Two layers, always with the same weights."""
    shape = ModelShape(
        d_model=16,
        n_layers=2,
        n_heads=2,
        n_kv_heads=1,
        d_ff=24,
        seq_len=SEQ_LEN,
        tie_embeddings=tie_embeddings,
    )
    model = Transformer(shape.resolve(VOCAB_SIZE))
    randomise(model, 3)
    return model


def make_decoder(switches: Mapping[str, Any], *, seq_len: int) -> Transformer:
    """Two layers of the family that `switches` make, always with the same weights."""
    sizes = {"vocab_size": VOCAB_SIZE, "d_model": 24, "n_layers": 2, "d_ff": 32, "seq_len": seq_len}
    heads = {"n_heads": 4, "n_kv_heads": 2, "head_dim": 6}
    model = Transformer(ModelConfig.model_validate({**sizes, **heads, **switches}))
    randomise(model, 7, std=0.2)
    return model


@pytest.fixture
def documents() -> DocumentSpans:
    return tiny_documents()


@pytest.fixture
def make_model() -> Callable[..., Transformer]:
    return make_tiny_model
