"""`config.json` of the Hugging Face families that this decoder covers: qwen3, llama, qwen2.

A field that would change the arithmetic and that this decoder does not have is refused by name: a model that loads is
a model that computes what its authors meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ontogeny.core.errors import ModelFormatError, nearest
from ontogeny.model.config import NORM_EPS, ROPE_BASE, Family, ModelConfig
from ontogeny.model.init import INIT_STD

ARCHITECTURES: dict[Family, str] = {
    "qwen3": "Qwen3ForCausalLM",
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
}
SIZES = {
    "vocab_size": "vocab_size",
    "d_model": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "d_ff": "intermediate_size",
    "seq_len": "max_position_embeddings",
}
# Fields with the only value under which this decoder computes the same; absent means that value.
REQUIRED_VALUES: dict[str, object] = {
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "use_sliding_window": False,
    "partial_rotary_factor": 1.0,
    "quantization_config": None,
}


def config_to_json(config: ModelConfig, *, dtype: str, end_id: int | None) -> dict[str, object]:
    """Everything transformers, vLLM and llama.cpp's converter want to know.

    The base of RoPE is written twice: `rope_parameters` is read by transformers 5, `rope_theta` by everything older.
    """
    family = config.family
    values: dict[str, object] = {
        "architectures": [ARCHITECTURES[family]],
        "model_type": family,
        **{theirs: getattr(config, ours) for ours, theirs in SIZES.items()},
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.head_dim,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_base,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base},
        "tie_word_embeddings": config.tie_embeddings,
        "hidden_act": "silu",
        "attention_dropout": 0.0,
        "initializer_range": INIT_STD,
        "use_cache": True,
        "bos_token_id": None,
        "eos_token_id": end_id,
        "pad_token_id": end_id,
        "dtype": dtype,
    }
    if family != "qwen2":  # where biases are not a matter of configuration
        values["attention_bias"] = False
    if family == "llama":
        values["mlp_bias"] = False
    else:
        values |= {"use_sliding_window": False, "sliding_window": None}
    return values


def config_from_json(values: Mapping[str, Any], where: str) -> ModelConfig:
    """The description of a model from its `config.json`.

    Raises:
        ModelFormatError: a family or a setting that this decoder does not have, or sizes that do not fit together.
    """
    family = _family(values, where)
    _refuse_unsupported(values, where)
    missing = [theirs for theirs in SIZES.values() if theirs not in values]
    if missing:
        raise ModelFormatError(
            f"{', '.join(missing)} not given", where=where, hint="the file is not complete"
        )
    sizes = {ours: values[theirs] for ours, theirs in SIZES.items()}
    try:
        return ModelConfig(
            **sizes,
            n_kv_heads=values.get("num_key_value_heads") or sizes["n_heads"],
            head_dim=values.get("head_dim") or _default_head_dim(family, sizes),
            rope_base=_rope_base(values, where),
            norm_eps=values.get("rms_norm_eps", NORM_EPS),
            tie_embeddings=values.get("tie_word_embeddings", False),
            qk_norm=family == "qwen3",
            qkv_bias=family == "qwen2",
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ModelFormatError(
            f"{field + ': ' if field else ''}{first['msg']}",
            where=where,
            hint="the sizes of this model cannot be right",
        ) from error


def _family(values: Mapping[str, Any], where: str) -> Family:
    name = values.get("model_type")
    for family in ARCHITECTURES:
        if name == family:
            return family
    raise ModelFormatError(
        f"model_type {name!r} is not supported.{nearest(str(name), ARCHITECTURES)}",
        where=where,
        hint=f"the families that can be read are {', '.join(ARCHITECTURES)}",
    )


def _default_head_dim(family: Family, sizes: Mapping[str, Any]) -> int:
    """What transformers assumes when `head_dim` is absent."""
    return 128 if family == "qwen3" else int(sizes["d_model"]) // int(sizes["n_heads"])


def _refuse_unsupported(values: Mapping[str, Any], where: str) -> None:
    for name, required in REQUIRED_VALUES.items():
        if values.get(name, required) != required:
            raise ModelFormatError(
                f"{name}: {values[name]!r} is not supported",
                where=where,
                hint=f"only models with {name}: {required!r} can be read",
            )
    if "sliding_attention" in (values.get("layer_types") or ()):
        raise ModelFormatError(
            "layer_types: sliding-window attention is not supported",
            where=where,
            hint="only models whose every layer is full_attention can be read",
        )


def _rope_base(values: Mapping[str, Any], where: str) -> float:
    """The base of RoPE; scaled kinds are refused."""
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise ModelFormatError(
            f"RoPE of type {kind!r} is not supported",
            where=where,
            hint="only models with rope_type: default can be read",
        )
    return float(rope.get("rope_theta", values.get("rope_theta", ROPE_BASE)))
