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

# Switches of the decoder of `make`, for every family and what varies in it.
GEMMA3: dict[str, Any] = {
    "activation": "gelu_tanh",
    "norm_unit_offset": True,
    "post_norms": True,
    "scale_embeddings": True,
    "query_pre_attn_scalar": 12,
    "window": 9,
    "local_layers": (0,),
    "local_rope_base": 1000.0,
}
GPT2: dict[str, Any] = {
    "n_kv_heads": 4,
    "qk_norm": False,
    "qkv_bias": True,
    "o_bias": True,
    "mlp_bias": True,
    "gated_mlp": False,
    "activation": "gelu_tanh",
    "norm": "layer",
    "positions": "learned",
}
FAMILIES: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "qwen3, untied": {"tie_embeddings": False},
    "qwen3, biases": {"qkv_bias": True, "o_bias": True},
    "qwen3, yarn": {"rope_scaling": {"kind": "yarn", "factor": 4, "original_seq_len": 16}},
    "llama": {"qk_norm": False},
    "llama, biases": {"qk_norm": False, "qkv_bias": True, "o_bias": True, "mlp_bias": True},
    "llama, linear": {"qk_norm": False, "rope_scaling": {"kind": "linear", "factor": 2}},
    "llama, llama3": {
        "qk_norm": False,
        "rope_scaling": {"kind": "llama3", "factor": 8, "original_seq_len": 16},
    },
    "qwen2": {"qk_norm": False, "qkv_bias": True},
    "qwen2, windows": {"qk_norm": False, "qkv_bias": True, "window": 9, "local_layers": (1,)},
    "mistral": {"qk_norm": False, "window": 9, "local_layers": (0, 1)},
    "gemma3": GEMMA3,
    "gpt2": GPT2,
    "gpt2, untied": {**GPT2, "tie_embeddings": False},
}


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
