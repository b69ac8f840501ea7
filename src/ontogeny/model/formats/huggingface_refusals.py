"""What is said of a `config.json` that cannot be read, in the names that stand in it.

A model of another kind is told from its file, so that the message says what it is and what to use instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ontogeny.core.errors import ModelFormatError

# Fields of models that send each token to a few of many feed-forward layers.
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_experts_per_tok")
BOOLEANS = ("attention_bias", "mlp_bias", "use_sliding_window", "tie_word_embeddings")
# Our names that messages of `model.config` hold, besides the sizes, whose names the families do not share.
THEIR_NAMES = {
    "n_kv_heads": "num_key_value_heads",
    "rope_base": "rope_theta",
    "norm_eps": "rms_norm_eps",
    "tie_embeddings": "tie_word_embeddings",
    "window": "sliding_window",
    "local_layers": "layer_types",
    "local_rope_base": "rope_local_base_freq",
    "original_seq_len": "original_max_position_embeddings",
}


def refuse_experts(values: Mapping[str, Any], where: str) -> None:
    """Raise ModelFormatError for a mixture of experts, whatever its family is called."""
    name = str(values.get("model_type"))
    if "moe" in name.lower() or name == "mixtral" or any(values.get(field) for field in EXPERTS):
        raise ModelFormatError(
            f"model_type {values.get('model_type')!r} with experts: a mixture of experts is not supported",
            where=where,
            hint="use a dense model, whose tokens all go through the same weights",
        )


def refuse_quantised(values: Mapping[str, Any], where: str) -> None:
    """Raise ModelFormatError for weights of a few bits, in a form other than that of GGUF."""
    settings = values.get("quantization_config")
    if settings is None:
        return
    given = settings if isinstance(settings, Mapping) else {}
    method = given.get("quant_method") or "a method that is not named"
    bits = f", {given['bits']} bits" if isinstance(given.get("bits"), int) else ""
    raise ModelFormatError(
        f"quantization_config: the weights are quantised by {method}{bits}, which cannot be read",
        where=where,
        hint="use the unquantised original, or a GGUF",
    )


def check_booleans(values: Mapping[str, Any], where: str) -> None:
    """Raise ModelFormatError for a switch that is neither on nor off: `"no"` would count as on."""
    for name in BOOLEANS:
        if not isinstance(values.get(name), bool | None):
            raise ModelFormatError(
                f"{name}: {values[name]!r} is neither true nor false",
                where=where,
                hint="write true or false, without quotation marks",
            )


def unfit(error: ValidationError, sizes: Mapping[str, str], where: str) -> ModelFormatError:
    """What `model.config` refuses, by the names of the file; `sizes` are ours and theirs of the family."""
    first = error.errors()[0]
    names = THEIR_NAMES | dict(sizes)
    own = first.get("ctx", {}).get("error")
    if first["type"] == "value_error" and own is not None:
        message = _renamed(str(own), names)
    else:
        field = ".".join(names.get(str(part), str(part)) for part in first["loc"])
        given = "" if first["type"] == "missing" else f"{first['input']!r} "
        said = str(first["msg"]).removeprefix("Input ").replace("Field required", "not given")
        message = f"{field}: {given}{said}"
    return ModelFormatError(message, where=where, hint="the sizes of this model cannot be right")


def _renamed(message: str, names: Mapping[str, str]) -> str:
    words = "|".join(sorted(names, key=len, reverse=True))
    return re.sub(rf"\b(?:{words})\b", lambda match: names[match[0]], message)
