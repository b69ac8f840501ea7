"""`config.json` of the Hugging Face families that this decoder covers; GPT-2's own names are in `huggingface_gpt2`.

A field that would change the arithmetic and that this decoder does not have is refused by name, and so is one that
nobody here knows: a model that loads is a model that computes what its authors meant. Where a field is absent, what
transformers assumes is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.config import NORM_EPS, ROPE_BASE, ModelConfig
from ontogeny.model.families import FAMILIES, Family
from ontogeny.model.formats import huggingface_gpt2
from ontogeny.model.formats.huggingface_refusals import (
    check_booleans,
    refuse_experts,
    refuse_quantised,
    unfit,
)
from ontogeny.model.formats.huggingface_rope import (
    FULL,
    ORIGINAL,
    SLIDING,
    local_base_from_json,
    rope_from_json,
    rope_to_json,
)

ARCHITECTURES: dict[Family, str] = {
    "qwen3": "Qwen3ForCausalLM",
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "mistral": "MistralForCausalLM",
    "gemma3": "Gemma3ForCausalLM",
    "gpt2": "GPT2LMHeadModel",
}
MODEL_TYPES: dict[str, Family] = {
    "gemma3_text" if family == "gemma3" else family: family for family in FAMILIES
}
SIZES = {
    "vocab_size": "vocab_size",
    "d_model": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "d_ff": "intermediate_size",
    "seq_len": "max_position_embeddings",
}
# Sizes that may be absent, checked where they are given.
DERIVED_SIZES = ("num_key_value_heads", "head_dim", "n_inner", "sliding_window")
LAYER_COUNTS = {SIZES["n_layers"], huggingface_gpt2.SIZES["n_layers"]}
MAX_LAYERS, MAX_SIZE = (
    10_000,
    1 << 24,
)  # far beyond what exists: 16M is the longest context and ten vocabularies
GEMMA_PATTERN = 6  # every sixth layer sees everything, arXiv 2503.19786, section 2
GEMMA_LOCAL_BASE = 10_000.0
# What transformers 5 assumes of a field that is absent, where that is not the value all families have.
ABSENT: dict[Family, dict[str, Any]] = {
    "qwen3": {"num_key_value_heads": 32, "head_dim": 128},
    "llama": {},
    "qwen2": {"num_key_value_heads": 32},
    "mistral": {"num_key_value_heads": 8},
    "gemma3": {
        "num_key_value_heads": 4,
        "head_dim": 256,
        "query_pre_attn_scalar": 256,
        "tie_word_embeddings": True,
        "rope_theta": 1_000_000.0,
    },
}
# Fields that are read, and by which families; those of `SIZES` come on top.
READ_BY_ALL = {
    *("num_key_value_heads", "head_dim", "rms_norm_eps", "tie_word_embeddings", "layer_types"),
    *("rope_theta", "rope_scaling", "rope_parameters", ORIGINAL),
}
READ: dict[Family, set[str]] = {
    "qwen3": {"attention_bias", "use_sliding_window", "sliding_window", "max_window_layers"},
    "llama": {"attention_bias", "mlp_bias"},
    "qwen2": {"use_sliding_window", "sliding_window", "max_window_layers"},
    "mistral": {"sliding_window"},
    "gemma3": {
        *("attention_bias", "sliding_window", "sliding_window_pattern", "_sliding_window_pattern"),
        *("query_pre_attn_scalar", "rope_local_base_freq"),
    },
}
# Fields with the only value under which this decoder computes the same; absent means that value. A family that reads
# such a field takes others too.
REQUIRED_VALUES: dict[str, object] = {
    "attention_bias": False,
    "mlp_bias": False,
    "use_sliding_window": False,
    "rope_interleaved": False,
    "use_mrope": False,
    "partial_rotary_factor": 1.0,
    "attn_logit_softcapping": None,
    "final_logit_softcapping": None,
    "use_bidirectional_attention": False,
    "is_encoder_decoder": False,
    "add_cross_attention": False,
    "pruned_heads": {},
}
SILU = {"hidden_act": "silu"}
GELU = {"hidden_activation": "gelu_pytorch_tanh"}
SAME_ACTIVATION = {
    "swish": "silu",
    "gelu_new": "gelu_pytorch_tanh",
}  # two names of one function in transformers
# Fields that change nothing in what is computed from given tokens: names and versions, ids of special tokens, how
# weights are stored, initial weights, training's dropout, sampling, labels of other heads, other tools' notes.
WITHOUT_EFFECT = {
    *("architectures", "model_type", "transformers_version", "torch_dtype", "dtype", "_name_or_path", "name_or_path"),
    *("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "unk_token_id", "decoder_start_token_id"),
    *("initializer_range", "attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop"),
    *("use_cache", "cache_implementation", "pretraining_tp", "gradient_checkpointing", "torchscript"),
    *("do_sample", "temperature", "top_k", "top_p", "max_length", "min_length", "repetition_penalty", "num_beams"),
    *("typical_p", "length_penalty", "early_stopping", "num_beam_groups", "diversity_penalty", "num_return_sequences"),
    *("no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "remove_invalid_values"),
    *("forced_bos_token_id", "forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens", "max_new_tokens"),
    *("exponential_decay_length_penalty", "return_dict_in_generate", "output_scores", "use_return_dict", "prefix"),
    *("use_bfloat16", "tf_legacy_loss", "_commit_hash", "predict_special_tokens", "output_past", "auto_map"),
    *("output_attentions", "output_hidden_states", "return_dict", "problem_type", "id2label", "label2id", "num_labels"),
    *("task_specific_params", "finetuning_task", "is_decoder", "chunk_size_feed_forward", "tie_encoder_decoder"),
    *("summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels", "summary_first_dropout"),
    *("tokenizer_class", "is_llama_config", "transformers.js_config"),
    *("model_name", "unsloth_fixed", "unsloth_version"),
    *("n_ctx", "max_window_layers"),
    *("reorder_and_upcast_attn", "_attn_implementation", "_attn_implementation_autoset"),
}  # fmt: skip


def config_to_json(config: ModelConfig, *, dtype: str, end_id: int | None) -> dict[str, object]:
    """Everything transformers, vLLM and llama.cpp's converter want to know.

    RoPE is written twice: `rope_parameters` is read by transformers 5, `rope_theta` and `rope_scaling` by everything
    older.
    """
    from ontogeny.model.init import INIT_STD  # with torch, which reading a description needs not

    common: dict[str, object] = {
        "architectures": [ARCHITECTURES[config.family]],
        "model_type": next(name for name, family in MODEL_TYPES.items() if family == config.family),
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": config.tie_embeddings,
        "initializer_range": INIT_STD,
        "use_cache": True,
        "bos_token_id": None,
        "eos_token_id": end_id,
        "pad_token_id": end_id,
        "dtype": dtype,
    }
    if config.family == "gpt2":
        return common | huggingface_gpt2.to_json(config)
    rope = rope_to_json(config.rope_base, config.rope_scaling)
    return {
        **common,
        **{theirs: getattr(config, ours) for ours, theirs in SIZES.items()},
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.head_dim,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_base,
        "rope_parameters": rope,
        **({"rope_scaling": rope} if config.rope_scaling else {}),
        **(GELU if config.family == "gemma3" else SILU),
        "attention_dropout": 0.0,
        **_family_to_json(config),
    }


def _family_to_json(config: ModelConfig) -> dict[str, object]:
    """What the family has beyond the fields that all have."""
    kinds = [SLIDING if layer in config.local_layers else FULL for layer in range(config.n_layers)]
    values: dict[str, object] = {}
    if config.family not in ("qwen2", "mistral"):  # where biases are not a matter of configuration
        values["attention_bias"] = config.qkv_bias
    if config.family == "llama":
        values["mlp_bias"] = config.mlp_bias
    elif config.family == "mistral":
        values["sliding_window"] = config.window
    elif config.family == "gemma3":
        whole = rope_to_json(config.rope_base, config.rope_scaling)
        own = config.local_rope_base
        scalar = config.query_pre_attn_scalar or config.head_dim
        values |= {
            "query_pre_attn_scalar": int(scalar) if scalar == int(scalar) else scalar,
            "layer_types": kinds,
            # transformers wants a window even where no layer has it
            "sliding_window": config.window or config.seq_len,
            "rope_parameters": {FULL: whole, SLIDING: whole if own is None else rope_to_json(own, None)},
            "rope_local_base_freq": own or config.rope_base,
        }
        values |= dict.fromkeys(("attn_logit_softcapping", "final_logit_softcapping"))
    else:
        values |= {"use_sliding_window": bool(config.local_layers), "sliding_window": config.window}
        if config.local_layers:
            values |= {"layer_types": kinds, "max_window_layers": config.local_layers[0]}
    return values


def config_from_json(values: Mapping[str, Any], where: str) -> ModelConfig:
    """The description of a model from its `config.json`.

    Raises:
        ModelFormatError: a family or a setting that this decoder does not have, or sizes that do not fit together.
    """
    family = _family(values, where)
    refuse_quantised(values, where)
    check_booleans(values, where)
    gpt2 = family == "gpt2"
    sizes = huggingface_gpt2.SIZES if gpt2 else SIZES
    read = huggingface_gpt2.READ if gpt2 else READ[family] | READ_BY_ALL
    own = huggingface_gpt2.REQUIRED_VALUES if gpt2 else GELU if family == "gemma3" else SILU
    _refuse_unsupported(values, known=read | set(sizes.values()), required=REQUIRED_VALUES | own, where=where)
    _check_sizes(values, tuple(sizes.values()), where)
    try:
        if gpt2:
            return huggingface_gpt2.from_json(values)
        return ModelConfig(
            **{ours: values[theirs] for ours, theirs in SIZES.items()},
            **_settings(family, {**ABSENT[family], **values}, where),
        )
    except ValidationError as error:
        raise unfit(error, huggingface_gpt2.NAMES if gpt2 else SIZES, where) from error
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ModelFormatError(
            f"a field is of another type than it should be ({error})",
            where=where,
            hint="the file is damaged, or written for another program",
        ) from error


def _check_sizes(values: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    """Raise ModelFormatError unless every size is there and a number that a model can have."""
    missing = [name for name in names if values.get(name) is None]
    if missing:
        raise ModelFormatError(
            f"{', '.join(missing)} not given", where=where, hint="the file is not complete"
        )
    for name in (*names, *(name for name in DERIVED_SIZES if values.get(name) is not None)):
        size, largest = values[name], MAX_LAYERS if name in LAYER_COUNTS else MAX_SIZE
        if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= largest:
            raise ModelFormatError(
                f"{name}: {size!r} is not a whole number between 1 and {largest:,}",
                where=where,
                hint="the sizes of this model cannot be right",
            )


def _family(values: Mapping[str, Any], where: str) -> Family:
    refuse_experts(values, where)
    name = str(values.get("model_type"))
    if name not in MODEL_TYPES:
        # The nearest name is no advice: a family is not misspelt, it is another one.
        raise ModelFormatError(
            f"model_type {values.get('model_type')!r} is not supported",
            where=where,
            hint=f"the families that can be read are {', '.join(MODEL_TYPES)}",
        )
    return MODEL_TYPES[name]


def _refuse_unsupported(
    values: Mapping[str, Any], *, known: set[str], required: Mapping[str, object], where: str
) -> None:
    for name in sorted(values.keys() - known - WITHOUT_EFFECT):
        value = values[name]
        if name in required:
            if not _computes_the_same(value, required[name]):
                raise ModelFormatError(
                    f"{name}: {value!r} is not supported",
                    where=where,
                    hint=f"only models with {name}: {required[name]!r} can be read",
                )
        elif value is not None:
            raise ModelFormatError(
                f"{name}: {value!r} is not a field of this family that is known here",
                where=where,
                hint="it may change what the model computes; take it out of the file if you know that it does not",
            )


def _computes_the_same(value: object, required: object) -> bool:
    names = (SAME_ACTIVATION.get(one, one) if isinstance(one, str) else one for one in (value, required))
    return next(names) == next(names)


def _settings(family: Family, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Everything but the sizes; `values` has the family's defaults filled in."""
    window, local_layers = _windows(family, values, where)
    base, scaling = rope_from_json(values, base=ROPE_BASE, where=where)
    biased = bool(values.get("attention_bias", False))
    heads, width = values["num_attention_heads"], values["hidden_size"]
    settings: dict[str, Any] = {
        "n_kv_heads": values.get("num_key_value_heads") or heads,
        "head_dim": values.get("head_dim") or int(width) // int(heads),
        "rope_base": base,
        "rope_scaling": scaling,
        "norm_eps": values.get("rms_norm_eps", NORM_EPS),
        "tie_embeddings": values.get("tie_word_embeddings", False),
        "qk_norm": family in ("qwen3", "gemma3"),
        "qkv_bias": biased or family == "qwen2",
        "o_bias": biased,
        "mlp_bias": bool(values.get("mlp_bias", False)),
        "window": window,
        "local_layers": local_layers,
    }
    if family == "gemma3":
        settings |= {
            "activation": "gelu_tanh",
            "norm_unit_offset": True,
            "post_norms": True,
            "scale_embeddings": True,
            "query_pre_attn_scalar": values["query_pre_attn_scalar"],
        }
        if local_layers:
            settings["local_rope_base"] = local_base_from_json(values, base=GEMMA_LOCAL_BASE, where=where)
    return settings


def _windows(family: Family, values: Mapping[str, Any], where: str) -> tuple[int | None, tuple[int, ...]]:
    """The size of the window and the layers that have it."""
    layers = range(int(values["num_hidden_layers"]))
    window = values.get("sliding_window", 4096)
    if family == "llama" or (family in ("qwen3", "qwen2") and not values.get("use_sliding_window", False)):
        window = None
    if window is None:
        assumed = [FULL for _ in layers]
    elif family == "mistral":
        assumed = [SLIDING for _ in layers]
    elif family == "gemma3":
        every = values.get("sliding_window_pattern") or GEMMA_PATTERN
        assumed = [SLIDING if (layer + 1) % every else FULL for layer in layers]
    else:
        first = values.get("max_window_layers", 28)
        assumed = [SLIDING if layer >= first else FULL for layer in layers]
    kinds = values.get("layer_types") or assumed
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise ModelFormatError(
            f"layer_types: {kinds!r} is not a list of names",
            where=where,
            hint=f"there is one entry a layer, {FULL} or {SLIDING}",
        )
    free = window is not None and family != "mistral"  # elsewhere all layers are of one kind
    if len(kinds) != len(layers) or set(kinds) - {FULL, SLIDING} or (kinds != assumed and not free):
        raise ModelFormatError(
            f"layer_types: {len(kinds)} entries, {sorted(set(kinds))}, where num_hidden_layers is {len(layers)} and "
            f"sliding_window {window}",
            where=where,
            hint=f"there is one entry a layer, {FULL} or {SLIDING}, and the latter needs a window",
        )
    local = tuple(layer for layer in layers if kinds[layer] == SLIDING)
    return (window if local else None), local
