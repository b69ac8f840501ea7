"""GPT-2's own names: its `config.json`, and its tensors.

Its matrices are stored as (in, out), those of queries, keys and values as one. They are turned and split on the way in
and put together again on the way out, so that no layer knows of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ontogeny.model.config import ModelConfig
from ontogeny.model.families import GPT2

if TYPE_CHECKING:  # a plan reads descriptions, and needs no torch for that
    from torch import Tensor

SIZES = {
    "vocab_size": "vocab_size",
    "d_model": "n_embd",
    "n_layers": "n_layer",
    "n_heads": "n_head",
    "seq_len": "n_positions",
}
NAMES = SIZES | {"d_ff": "n_inner", "norm_eps": "layer_norm_epsilon"}  # for messages
READ = {"n_inner", "layer_norm_epsilon", "tie_word_embeddings"}
REQUIRED_VALUES: dict[str, object] = {
    "activation_function": "gelu_new",
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
}
NORM_EPS = 1e-5
FUSED = ("q_proj", "k_proj", "v_proj")
# Parts of a layer, theirs and ours; `attn.c_attn` is the three of `FUSED`.
PARTS = {
    "ln_1": "input_layernorm",
    "ln_2": "post_attention_layernorm",
    "attn.c_proj": "self_attn.o_proj",
    "mlp.c_fc": "mlp.up_proj",
    "mlp.c_proj": "mlp.down_proj",
}
WHOLE = {
    "transformer.wte.weight": "embed_tokens.weight",
    "transformer.wpe.weight": "embed_positions.weight",
    "transformer.ln_f.weight": "norm.weight",
    "transformer.ln_f.bias": "norm.bias",
    "lm_head.weight": "lm_head.weight",
}
_THEIRS = re.compile(r"transformer\.h\.(\d+)\.(.+)\.(weight|bias)")
_OURS = re.compile(r"layers\.(\d+)\.(.+)\.(weight|bias)")


def to_json(config: ModelConfig) -> dict[str, object]:
    """The fields of `config.json` that have names of their own."""
    return {
        **{theirs: getattr(config, ours) for ours, theirs in SIZES.items()},
        "n_inner": config.d_ff,
        "layer_norm_epsilon": config.norm_eps,
        **REQUIRED_VALUES,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
    }


def from_json(values: Mapping[str, Any]) -> ModelConfig:
    """The description of a model; every field of `SIZES` is there."""
    sizes = {ours: values[theirs] for ours, theirs in SIZES.items()}
    return ModelConfig(
        **sizes,
        n_kv_heads=sizes["n_heads"],
        head_dim=int(sizes["d_model"]) // int(sizes["n_heads"]),
        d_ff=values.get("n_inner") or 4 * int(sizes["d_model"]),
        norm_eps=values.get("layer_norm_epsilon", NORM_EPS),
        tie_embeddings=values.get("tie_word_embeddings", True),
        **GPT2,
    )


def to_ours(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Our tensors in one of theirs."""
    if name in WHOLE:
        yield WHOLE[name], tensor
        return
    match = _THEIRS.fullmatch(name)
    assert match is not None, f"{name} is not a tensor of GPT-2"
    layer, part, kind = match.groups()
    turned = tensor.T.contiguous() if tensor.ndim == 2 else tensor
    if part == "attn.c_attn":
        for ours, piece in zip(FUSED, turned.chunk(3), strict=True):
            yield f"layers.{layer}.self_attn.{ours}.{kind}", piece.clone()
    else:
        yield f"layers.{layer}.{PARTS[part]}.{kind}", turned


def to_theirs(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors, from all of ours."""
    import torch

    theirs = {ours: name for name, ours in WHOLE.items()}
    parts = {ours: name for name, ours in PARTS.items()} | {f"self_attn.{FUSED[0]}": "attn.c_attn"}
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        match = _OURS.fullmatch(name)
        if match is None:
            tensors[theirs[name]] = tensor
            continue
        layer, part, kind = match.groups()
        if part not in parts:
            continue  # keys and values, which go with the queries
        if part == f"self_attn.{FUSED[0]}":
            tensor = torch.cat([state[f"layers.{layer}.self_attn.{ours}.{kind}"] for ours in FUSED])
        tensors[f"transformer.h.{layer}.{parts[part]}.{kind}"] = tensor.T if tensor.ndim == 2 else tensor
    return tensors


def ignorable_tensors(config: ModelConfig) -> set[str]:
    """Causal masks that older writers stored."""
    return {
        f"transformer.h.{layer}.attn.{name}"
        for layer in range(config.n_layers)
        for name in ("bias", "masked_bias")
    }
