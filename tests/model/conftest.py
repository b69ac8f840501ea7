"""Small decoders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from ontogeny.model.config import ModelConfig
from ontogeny.model.transformer import Transformer
from tests.random_weights import randomise

VOCAB_SIZE = 300

Make = Callable[..., Transformer]


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """Tensors of a few hundred numbers: a second thread would only be waited for."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make() -> Make:
    """A decoder of two layers with weights large enough that mistakes show; keyword arguments change its sizes."""

    def build(**changes: Any) -> Transformer:
        sizes: dict[str, Any] = {
            "vocab_size": VOCAB_SIZE,
            "d_model": 32,
            "n_layers": 2,
            "n_heads": 4,
            "n_kv_heads": 2,
            "head_dim": 8,
            "d_ff": 64,
            "seq_len": 64,
        }
        model = Transformer(ModelConfig(**{**sizes, **changes}))
        randomise(model, 7, std=0.2)
        return model.eval()

    return build


@pytest.fixture
def idx() -> torch.Tensor:
    """Token ids (3, 40)."""
    return torch.randint(VOCAB_SIZE, (3, 40), generator=torch.Generator().manual_seed(1))
