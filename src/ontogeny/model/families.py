"""Which settings of the decoder make which published family; the one place that tells families apart.

A family is nothing but a set of switches: no layer asks which one it belongs to. Imports no torch.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

Family = Literal["qwen3", "llama", "qwen2", "mistral", "gemma3", "gpt2"]

NO_BIAS = (False, False, False)  # on q, k, v; on the output of attention; in the feed-forward
ATTENTION_BIAS = (True, True, False)
QUERY_KEY_VALUE_BIAS = (True, False, False)
MLP_BIAS = (False, False, True)
EVERY_BIAS = (True, True, True)

# Traits that tell families apart, each with its allowed values; a trait that is not named has the first value that
# `DEFAULTS` gives. The first family that matches is the name: where two compute the same, the older format is written.
DEFAULTS: dict[str, tuple[object, ...]] = {
    "qk_norm": (False,),
    "biases": (NO_BIAS,),
    "locality": ("none",),
    "gated_mlp": (True,),
    "activation": ("silu",),
    "norm": ("rms",),
    "norm_unit_offset": (False,),
    "post_norms": (False,),
    "scale_embeddings": (False,),
    "positions": ("rope",),
    "own_scale": (False,),
    "own_local_base": (False,),
    "square_heads": (True, False),
}
TRAITS: dict[Family, dict[str, tuple[object, ...]]] = {
    "qwen3": {
        "qk_norm": (True,),
        "biases": (NO_BIAS, ATTENTION_BIAS),
        "locality": ("none", "some", "all"),
    },
    "llama": {"biases": (NO_BIAS, ATTENTION_BIAS, MLP_BIAS, EVERY_BIAS)},
    "qwen2": {"biases": (QUERY_KEY_VALUE_BIAS,), "locality": ("none", "some", "all")},
    "mistral": {"locality": ("all",)},
    "gemma3": {
        "qk_norm": (True,),
        "biases": (NO_BIAS, ATTENTION_BIAS),
        "locality": ("none", "some", "all"),
        "activation": ("gelu_tanh",),
        "norm_unit_offset": (True,),
        "post_norms": (True,),
        "scale_embeddings": (True,),
        "own_scale": (False, True),
        "own_local_base": (False, True),
    },
    "gpt2": {
        "biases": (EVERY_BIAS,),
        "gated_mlp": (False,),
        "activation": ("gelu_tanh",),
        "norm": ("layer",),
        "positions": ("learned",),
        "square_heads": (True,),  # queries, keys and values are stored as one matrix of three equal parts
    },
}
FAMILIES: tuple[Family, ...] = tuple(TRAITS)
GPT2: dict[str, Any] = {
    "qk_norm": False,
    "qkv_bias": True,
    "o_bias": True,
    "mlp_bias": True,
    "gated_mlp": False,
    "activation": "gelu_tanh",
    "norm": "layer",
    "positions": "learned",
}
"""The settings of GPT-2's layer that are not the default's."""


class Switches(Protocol):
    """What is read of a `ModelConfig`."""

    @property
    def qkv_bias(self) -> bool: ...
    @property
    def o_bias(self) -> bool: ...
    @property
    def mlp_bias(self) -> bool: ...
    @property
    def d_model(self) -> int: ...
    @property
    def n_layers(self) -> int: ...
    @property
    def n_heads(self) -> int: ...
    @property
    def n_kv_heads(self) -> int: ...
    @property
    def head_dim(self) -> int: ...
    @property
    def local_layers(self) -> tuple[int, ...]: ...
    @property
    def query_pre_attn_scalar(self) -> float | None: ...
    @property
    def local_rope_base(self) -> float | None: ...


def family_of(config: Switches) -> Family | None:
    """The first family that has these settings; None when no family does."""
    traits = _traits(config)
    for family, own in TRAITS.items():
        if all(traits[name] in own.get(name, default) for name, default in DEFAULTS.items()):
            return family
    return None


def _traits(config: Switches) -> dict[str, object]:
    local = len(config.local_layers)
    derived: dict[str, object] = {
        "biases": (config.qkv_bias, config.o_bias, config.mlp_bias),
        "locality": "none" if not local else "all" if local == config.n_layers else "some",
        "own_scale": config.query_pre_attn_scalar is not None,
        "own_local_base": config.local_rope_base is not None,
        "square_heads": config.d_model
        == config.n_heads * config.head_dim
        == config.n_kv_heads * config.head_dim,
    }
    return {name: derived[name] if name in derived else getattr(config, name) for name in DEFAULTS}
