"""What GGUF calls the families and their tensors, and how tensors differ; settings are in `gguf_settings`.

The names are those of llama.cpp (gguf-py/gguf/constants.py and convert_hf_to_gguf.py). A family more is an entry of
ARCHITECTURES.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from ontogeny.core.errors import ModelFormatError, nearest
from ontogeny.model.families import Family
from ontogeny.model.formats.gguf_file import GgufFile

OUTPUT, EMBEDDING = "output.weight", "token_embd.weight"

TOP_NAMES = {
    EMBEDDING: "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    OUTPUT: "lm_head.weight",
}
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
GEMMA_NAMES = LAYER_NAMES | {
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}


@dataclass(frozen=True)
class Architecture:
    """A value of `general.architecture`."""

    model_type: str
    """The `model_type` of config.json that it is read as."""
    layer_names: Mapping[str, str] = field(default_factory=lambda: LAYER_NAMES)
    pairs_interleaved: bool = False
    """Whether RoPE turns neighbouring numbers there, so that rows of q and k stand in another order."""
    norm_offset: float = 0.0
    """What is added to gains of norms when they are stored: Gemma's norms multiply by 1 + w."""
    optional_biases: bool = False
    """Whether llama.cpp takes biases beyond those that every model of the family has."""
    rope_factors: bool = False
    """Whether llama.cpp divides the frequencies of RoPE by the tensor `rope_freqs.weight`."""


ARCHITECTURES: dict[str, Architecture] = {
    "qwen3": Architecture("qwen3"),
    "llama": Architecture("llama", pairs_interleaved=True, optional_biases=True, rope_factors=True),
    "qwen2": Architecture("qwen2"),
    "gemma3": Architecture("gemma3_text", GEMMA_NAMES, norm_offset=1.0),
}
ARCHITECTURE_OF: dict[Family, str] = {
    "qwen3": "qwen3",
    "llama": "llama",
    "qwen2": "qwen2",
    "mistral": "llama",
    "gemma3": "gemma3",
}
"""The architecture that a family is written as."""


def architecture(file: GgufFile) -> Architecture:
    """The architecture of `file`.

    Raises:
        ModelFormatError: one that is not supported.
    """
    name = file.text("general.architecture")
    if name not in ARCHITECTURES:
        raise ModelFormatError(
            f"architecture {name!r} is not supported.{nearest(name, ARCHITECTURES)}",
            where=str(file.path),
            hint=f"the architectures that can be read are {', '.join(ARCHITECTURES)}",
        )
    return ARCHITECTURES[name]


def stored_name(theirs: str, kind: Architecture) -> str:
    """The name in a GGUF file of the tensor that a Hugging Face folder calls `theirs`."""
    for ours, name in TOP_NAMES.items():
        if name == theirs:
            return ours
    match = re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)", theirs)
    known = {name: ours for ours, name in kind.layer_names.items()}
    if match is None or match[2] not in known:
        raise ModelFormatError(
            f"tensor {theirs} has no name in GGUF", where=theirs, hint="export to huggingface"
        )
    return f"blk.{match[1]}.{known[match[2]]}.{match[3]}"


def is_norm(theirs: str) -> bool:
    """Whether a tensor is the gain of a norm."""
    return theirs.endswith("norm.weight")


def is_query_or_key(theirs: str) -> bool:
    """Whether RoPE turns what a tensor makes."""
    return ".q_proj." in theirs or ".k_proj." in theirs


def halves_to_pairs(rows: npt.NDArray[Any], head_dim: int) -> npt.NDArray[Any]:
    """Rows of q or k for RoPE on halves (ours), (H * D, ...), in the order for RoPE on neighbouring pairs."""
    heads = rows.reshape(-1, 2, head_dim // 2, *rows.shape[1:])
    return heads.swapaxes(1, 2).reshape(rows.shape)


def pairs_to_halves(rows: npt.NDArray[Any], head_dim: int) -> npt.NDArray[Any]:
    """The inverse of `halves_to_pairs`."""
    heads = rows.reshape(-1, head_dim // 2, 2, *rows.shape[1:])
    return heads.swapaxes(1, 2).reshape(rows.shape)
