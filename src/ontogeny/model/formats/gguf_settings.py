"""The settings of a model as GGUF metadata: to the fields of a `config.json`, and from a `ModelConfig`.

Reading passes through the fields of a Hugging Face `config.json`, so whether a setting is supported is decided in one
place for both formats: `huggingface_config`. Metadata of the architecture that nobody here knows is refused by name,
since it may change what llama.cpp computes; so is a model that its metadata cannot describe. Writing starts from the
checked `ModelConfig`, in which nothing is left to be assumed.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.config import ModelConfig
from ontogeny.model.formats.gguf_file import GgufFile, Value
from ontogeny.model.formats.gguf_names import ARCHITECTURES, EMBEDDING, OUTPUT, architecture
from ontogeny.model.formats.gguf_rope import READ as ROPE_KEYS
from ontogeny.model.formats.gguf_rope import as_written, rope_metadata, rope_values
from ontogeny.model.formats.huggingface_config import SIZES as JSON_SIZES
from ontogeny.model.formats.huggingface_rope import FULL, SLIDING

ROPE_BASE = 10_000.0  # llama.cpp's, where a file does not say
GLOBAL_EVERY = 6  # Gemma 3: each sixth layer attends to everything, where a file does not say
GEMMA_LOCAL_BASE = 10_000.0
# Gemma 3 27B alone divides scores by the root of d_model / n_heads; llama.cpp tells it by this (src/models/gemma3.cpp)
GEMMA_27B_LAYERS = 62
# Metadata under the architecture's own prefix, and our name for it.
SIZES = {
    "embedding_length": "d_model",
    "block_count": "n_layers",
    "feed_forward_length": "d_ff",
    "context_length": "seq_len",
    "attention.head_count": "n_heads",
}
KEY_LENGTH, VALUE_LENGTH = "attention.key_length", "attention.value_length"
KV_HEADS, NORM_EPS = "attention.head_count_kv", "attention.layer_norm_rms_epsilon"
WINDOW, PATTERN = "attention.sliding_window", "attention.sliding_window_pattern"
BASE, LOCAL_BASE, TURNED = "rope.freq_base", "rope.freq_base_swa", "rope.dimension_count"
READ = {*SIZES, *ROPE_KEYS, KEY_LENGTH, VALUE_LENGTH, KV_HEADS, NORM_EPS, WINDOW, BASE, TURNED}
READ_OF_GEMMA = {PATTERN, LOCAL_BASE}
EXPERTS = "expert_"  # keys of a mixture of experts, which is refused by its count
# Keys with the only value under which this decoder computes the same; absent means that value.
REQUIRED_VALUES: dict[str, object] = {
    "attention.causal": True,
    "attention.clamp_kqv": 0.0,
    "attention.max_alibi_bias": 0.0,
    "attn_logit_softcapping": 0.0,
    "final_logit_softcapping": 0.0,
    "nextn_predict_layers": 0,
    # llama.cpp takes these for other architectures only, so files whose makers meant others would be read wrongly
    "rope.scaling.yarn_ext_factor": 1.0,
    "rope.scaling.yarn_beta_fast": 32.0,
    "rope.scaling.yarn_beta_slow": 1.0,
    "rope.scaling.yarn_log_multiplier": 0.0,
    "rope.scaling.alpha": 0.0,
}
# Keys that change nothing in what these architectures compute from given tokens.
WITHOUT_EFFECT = {
    "vocab_size",  # the table of embeddings says it
    "tensor_data_layout",
    "pooling_type",  # of embeddings made from a model
    "attention.layer_norm_epsilon",  # of other norms
    "rope.scaling.finetuned",
}


def config_values(file: GgufFile) -> dict[str, Any]:
    """The fields of `config.json` that the metadata of `file` amounts to.

    Raises:
        ModelFormatError: a setting is missing, or one for which config.json has no field; names it.
    """
    kind, prefix = architecture(file), file.text("general.architecture")
    _refuse_unknown(file, prefix)
    values: dict[str, Any] = {"model_type": kind.model_type}
    values |= {JSON_SIZES[ours]: _same_in_all_layers(file, f"{prefix}.{key}") for key, ours in SIZES.items()}
    heads = values["num_attention_heads"]
    if not heads or EMBEDDING not in file.tensors:
        raise _fault(file, f"it has no heads or no {EMBEDDING}", "the file is not complete: convert it again")
    head_dim = file.count(f"{prefix}.{KEY_LENGTH}", values["hidden_size"] // heads)
    base = as_written(file.real(f"{prefix}.{BASE}", ROPE_BASE))
    values |= {
        "num_key_value_heads": _same_in_all_layers(file, f"{prefix}.{KV_HEADS}", heads),
        "head_dim": head_dim,
        "rms_norm_eps": as_written(file.real(f"{prefix}.{NORM_EPS}")),
        "rope_parameters": {"rope_type": "default", "rope_theta": base},
        "vocab_size": file.tensors[EMBEDDING].shape[0],
        "tie_word_embeddings": OUTPUT not in file.tensors,
    }
    _refuse_what_has_no_field(file, prefix, head_dim, values["max_position_embeddings"])
    values["rope_parameters"] |= rope_values(file, prefix, head_dim, base)
    if kind.optional_biases:  # no metadata tells of them
        values["attention_bias"] = "blk.0.attn_q.bias" in file.tensors
        values["mlp_bias"] = "blk.0.ffn_up.bias" in file.tensors
    return values | _gemma3(file, values) if prefix == "gemma3" else values


def metadata_values(config: ModelConfig, prefix: str, *, where: str) -> dict[str, Value]:
    """The metadata for architecture `prefix` that a model is stored with.

    Raises:
        ModelFormatError: a setting that GGUF has no key for, or llama.cpp no reading of.
    """
    _refuse_what_has_no_key(config, prefix, where)
    found: dict[str, Value] = {key: int(getattr(config, ours)) for key, ours in SIZES.items()}
    if prefix == "gemma3":
        found |= _gemma3_metadata(config, where)
    elif config.window:
        # Only Gemma has a key for it: what others promise is the length within which none would show.
        found["context_length"] = min(config.window, config.seq_len)
    found |= {
        KV_HEADS: config.n_kv_heads,
        KEY_LENGTH: config.head_dim,
        VALUE_LENGTH: config.head_dim,
        NORM_EPS: config.norm_eps,
        BASE: config.rope_base,
        TURNED: config.head_dim,
        "vocab_size": config.vocab_size,
        **rope_metadata(config, prefix, where=where),
    }
    return {f"{prefix}.{key}": value for key, value in found.items()}


def _same_in_all_layers(file: GgufFile, key: str, default: int | None = None) -> int:
    """A whole number that may stand once, or once a layer."""
    value = file.metadata.get(key)
    if isinstance(value, np.ndarray):
        if len(value) and (value == value[0]).all():
            return int(value[0])
        raise _fault(
            file,
            f"{key} differs between layers, which is not supported",
            "use a model whose layers are alike",
        )
    return file.count(key, default)


def _refuse_unknown(file: GgufFile, prefix: str) -> None:
    """Refuse metadata of the architecture that is neither read nor known to change nothing."""
    known = READ | WITHOUT_EFFECT | (READ_OF_GEMMA if prefix == "gemma3" else set())
    for full, value in sorted(file.metadata.items()):
        key = full.removeprefix(f"{prefix}.")
        if key == full or key in known or key.startswith(EXPERTS):
            continue
        if key not in REQUIRED_VALUES:
            reason = f"{full}: {reprlib.repr(value)} is not a setting of this architecture that is known here"
        elif isinstance(value, np.ndarray) or value != REQUIRED_VALUES[key]:
            reason = f"{full}: {reprlib.repr(value)} is not supported, only {REQUIRED_VALUES[key]!r}"
        else:
            continue
        raise _fault(
            file,
            reason,
            "it may change what the model computes; if you know that it does not, take it out with "
            "gguf_new_metadata.py --remove-metadata of the package gguf",
        )


def _refuse_what_has_no_field(file: GgufFile, prefix: str, head_dim: int, seq_len: int) -> None:
    turned = file.count(f"{prefix}.{TURNED}", head_dim)
    values = file.count(f"{prefix}.{VALUE_LENGTH}", head_dim)
    window = file.count(f"{prefix}.{WINDOW}", 0)
    base = file.real(f"{prefix}.{BASE}", ROPE_BASE)
    reasons = {
        f"RoPE has base {base:g}": not base > 1,
        f"RoPE turns {turned} of {head_dim} numbers of a head": turned != head_dim,
        f"values have {values} numbers a head, keys {head_dim}": values != head_dim,
        "it mixes experts": file.count(f"{prefix}.expert_count", 0) > 0,
        f"attention has a window of {window} tokens": prefix != "gemma3" and 0 < window < seq_len,
    }
    for reason, found in reasons.items():
        if found:
            raise _fault(file, f"{reason}, which is not supported", "use another model")


def _gemma3(file: GgufFile, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a gemma3 has beyond the others: read, or what the name alone says in llama.cpp (src/models/gemma3.cpp)."""
    every = file.count(f"gemma3.{PATTERN}", GLOBAL_EVERY)
    if not every:
        raise _fault(file, f"gemma3.{PATTERN} is 0, which is not supported", "use another model")
    local = as_written(file.real(f"gemma3.{LOCAL_BASE}", GEMMA_LOCAL_BASE))
    d_model, n_layers, n_heads = (values[JSON_SIZES[ours]] for ours in ("d_model", "n_layers", "n_heads"))
    return {
        "sliding_window": file.count(f"gemma3.{WINDOW}"),
        "sliding_window_pattern": every,
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": _gemma3_scalar(d_model, n_layers, n_heads, values["head_dim"]),
        "rope_parameters": {
            FULL: values["rope_parameters"],
            SLIDING: {"rope_type": "default", "rope_theta": local},
        },
    }


def _gemma3_scalar(d_model: int, n_layers: int, n_heads: int, head_dim: int) -> int:
    """What llama.cpp divides scores by the root of."""
    return d_model // n_heads if n_layers == GEMMA_27B_LAYERS else head_dim


def _gemma3_metadata(config: ModelConfig, where: str) -> dict[str, Value]:
    """The keys that only a gemma3 has."""
    every = _global_every(config)
    if every is None or config.window is None:
        raise _no_form(f"layers {list(config.local_layers)} of {config.n_layers} that see a window", where)
    scalar = config.query_pre_attn_scalar or config.head_dim
    meant = _gemma3_scalar(config.d_model, config.n_layers, config.n_heads, config.head_dim)
    if scalar != meant:
        raise _no_form(f"query_pre_attn_scalar {scalar:g}, for which a gemma3 has {meant},", where)
    if config.local_rope_base is None and config.rope_scaling is not None:
        raise _no_form("scaled RoPE in layers that see a window", where)
    found: dict[str, Value] = {WINDOW: config.window, LOCAL_BASE: config.local_rope_base or config.rope_base}
    return found if every == GLOBAL_EVERY else found | {PATTERN: every}


def _global_every(config: ModelConfig) -> int | None:
    """The number n of which each n-th layer sees everything; None where layers follow no such rule."""
    whole = sorted(set(range(config.n_layers)) - set(config.local_layers))
    every = whole[0] + 1 if whole else max(GLOBAL_EVERY, config.n_layers + 1)
    return every if whole == list(range(every - 1, config.n_layers, every)) else None


def _refuse_what_has_no_key(config: ModelConfig, prefix: str, where: str) -> None:
    heads, head_dim = config.n_heads, config.head_dim
    if prefix == "qwen2" and heads * head_dim != config.d_model:
        raise ModelFormatError(
            f"{heads} heads of {head_dim} are not as wide as the model ({config.d_model}), which llama.cpp expects of "
            "qwen2",
            where=where,
            hint="export to huggingface",
        )
    if (config.o_bias or config.mlp_bias) and not ARCHITECTURES[prefix].optional_biases:
        raise _no_form(f"attention_bias, which llama.cpp does not have for a {prefix},", where)


def _no_form(what: str, where: str) -> ModelFormatError:
    return ModelFormatError(f"{what} cannot be stored in GGUF", where=where, hint="export to huggingface")


def _fault(file: GgufFile, reason: str, hint: str) -> ModelFormatError:
    return ModelFormatError(reason, where=str(file.path), hint=hint)
