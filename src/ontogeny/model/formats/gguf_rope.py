"""Scaling of RoPE in a GGUF file, both ways, as llama.cpp computes with it.

`linear` and `yarn` are metadata. Of YaRN's settings llama.cpp takes the factor, the original context and
`rope.scaling.attn_factor` for the architectures here; bounds and rounding are its own (src/llama-context.cpp,
ggml/src/ggml.c), and `attn_factor` is multiplied onto its own 0.1 ln(factor) + 1.

Llama 3's scaling is a tensor with what each frequency is divided by, `rope_freqs.weight`. llama.cpp's converter
computes the factors from `rope_scaling` in config.json and keeps nothing else (convert_hf_to_gguf.py,
LlamaModel.generate_extra_tensors), so the settings are found from them again. A frequency f that turns
t = L f / 2 pi times over the original context L is divided by

    1 / ((1 - s) / F + s),    s = (t - low) / (high - low), cut to [0, 1]

so s is linear in f between the two bounds. Only L / (high - low) and low / (high - low) can be told from it; L is
`rope.scaling.original_context_length` where the file has it, else that of every model published with such factors.
With few frequencies between the bounds not even that can be told, so our own files say the settings as well, under
`ontogeny.`; they are believed where they give the factors that are stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.config import ModelConfig, RopeScaling
from ontogeny.model.formats.gguf_file import GgufFile, Value
from ontogeny.model.formats.gguf_names import ARCHITECTURES
from ontogeny.model.formats.huggingface_rope import FIELDS, rope_to_json

TYPE, FACTOR, OLD_FACTOR = "rope.scaling.type", "rope.scaling.factor", "rope.scale_linear"
ORIGINAL, ATTENTION = "rope.scaling.original_context_length", "rope.scaling.attn_factor"
READ = frozenset({TYPE, FACTOR, OLD_FACTOR, ORIGINAL, ATTENTION})
TOLD = "ontogeny.rope."  # and the field's name: what a tensor of factors was computed from
YARN_OF_LLAMA_CPP: dict[str, object] = {"beta_fast": 32.0, "beta_slow": 1.0, "truncate": True}
ROPE_FREQS = "rope_freqs.weight"
PUBLISHED_SEQ_LEN = (
    8192  # Llama 3.1, 3.2 and 3.3, EXAONE 3.5: their rope_scaling.original_max_position_embeddings
)
PUBLISHED_LOW, PUBLISHED_HIGH = 1.0, 4.0  # their low_freq_factor and high_freq_factor
TOLERANCE = 1e-4  # relative; the factors are float32
DECIMALS = 3  # settings are written by people
DECIMALS_OF_PRODUCT = 6  # of a number near 1 that was stored as float32


def rope_values(file: GgufFile, prefix: str, head_dim: int, base: float) -> dict[str, Any]:
    """The scaling of RoPE in the words of `config.json`, its base apart; empty where there is none.

    Raises:
        ModelFormatError: a scaling that this decoder does not have; names it.
    """
    factor = as_written(file.real(f"{prefix}.{FACTOR}", file.real(f"{prefix}.{OLD_FACTOR}", 1.0)))
    # llama.cpp assumes linear where a file has a factor and no type
    kind = file.text(f"{prefix}.{TYPE}", "none" if factor == 1.0 else "linear")
    times = file.real(f"{prefix}.{ATTENTION}", 1.0)
    if times != 1.0 and (kind != "yarn" or prefix == "gemma3"):
        raise ModelFormatError(
            f"{prefix}.{ATTENTION}: {times:g} beside RoPE of type {kind!r} is not supported",
            where=str(file.path),
            hint="it is read of yarn, where no layer has a window",
        )
    original = file.count(f"{prefix}.{ORIGINAL}", 0)
    if ROPE_FREQS in file.tensors:
        return _rope_factors(file, kind, head_dim, base, original)
    if kind == "none":
        return {}
    scaling: dict[str, Any] = {"rope_type": kind, "factor": factor}
    if original and kind == "yarn":
        scaling["original_max_position_embeddings"] = original
    if times != 1.0:
        scaling["attention_factor"] = _rounded_product(times, _own_attention_factor(factor))
    return scaling


def rope_metadata(config: ModelConfig, prefix: str, *, where: str) -> dict[str, Value]:
    """The keys under the architecture's prefix for the scaling of RoPE; Llama 3's is a tensor, see `rope_tensors`.

    Raises:
        ModelFormatError: a setting with which llama.cpp would compute something else; names it.
    """
    scaling = config.rope_scaling
    if scaling is None:
        return {}
    if scaling.kind == "llama3":
        if not ARCHITECTURES[prefix].rope_factors:
            raise _no_form(f"RoPE of type 'llama3' cannot be stored in GGUF for a {prefix}", where)
        return {ORIGINAL: scaling.original_seq_len or 0}
    found: dict[str, Value] = {TYPE: scaling.kind, FACTOR: scaling.factor}
    if scaling.kind == "linear":
        return found
    for name, meant in YARN_OF_LLAMA_CPP.items():
        if getattr(scaling, name) != meant:
            raise _no_form(
                f"{name}: {getattr(scaling, name)!r} of RoPE 'yarn' cannot be stored in GGUF, where llama.cpp computes "
                f"with {meant!r}",
                where,
            )
    found[ORIGINAL] = scaling.original_seq_len or 0
    own = _own_attention_factor(scaling.factor)
    if scaling.attention_factor is not None and scaling.attention_factor != own:
        if prefix == "gemma3":  # llama.cpp would multiply it onto local layers as well
            raise _no_form("attention_factor of RoPE 'yarn' cannot be stored in GGUF for a gemma3", where)
        found[ATTENTION] = scaling.attention_factor / own
    return found


def rope_tensors(config: ModelConfig) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Value]]:
    """What stands for Llama 3's scaling of RoPE beside metadata of the architecture: a tensor, and what it was
    computed from. Nothing for other models."""
    scaling = config.rope_scaling
    if scaling is None or scaling.kind != "llama3":
        return {}, {}
    factors = llama3_factors(rope_to_json(config.rope_base, scaling), config.head_dim)
    told: dict[str, Value] = {f"{TOLD}{ours}": getattr(scaling, ours) for ours in FIELDS["llama3"]}
    return {ROPE_FREQS: factors}, told


def as_written(value: float) -> float:
    """The shortest decimal that is this float32: 1e-05 rather than 9.999999747378752e-06."""
    with np.errstate(over="ignore"):
        return float(str(np.float32(value)))


def _own_attention_factor(factor: float) -> float:
    """What llama.cpp multiplies cosines and sines of YaRN with."""
    return 0.1 * math.log(factor) + 1.0 if factor > 1 else 1.0


def _rounded_product(times: float, own: float) -> float:
    """`times` by `own`, as a person would have written it if that gives the same float32."""
    rounded = round(times * own, DECIMALS_OF_PRODUCT)
    return rounded if np.float32(rounded / own) == np.float32(times) else times * own


def _rope_factors(file: GgufFile, kind: str, head_dim: int, base: float, original: int) -> dict[str, Any]:
    """The scaling that a tensor of factors amounts to."""
    info = file.tensors[ROPE_FREQS]
    if kind != "none" or info.shape != (head_dim // 2,) or info.type.name != "F32":
        raise ModelFormatError(
            f"{ROPE_FREQS} of shape {list(info.shape)} and type {info.type.name} beside RoPE of type {kind!r} is not "
            "supported",
            where=str(file.path),
            hint="the file is not complete: convert it again",
        )
    factors = file.raw(ROPE_FREQS).view("<f4")
    with np.errstate(all="ignore"):  # a damaged file holds any numbers; those that fit nothing are refused
        told = _told(file, factors, base)
        return told or llama3_scaling(factors, base, original or None, where=str(file.path))


def _told(file: GgufFile, factors: npt.NDArray[np.float32], base: float) -> dict[str, Any] | None:
    """The settings that one of our files tells; None where it does not, or where they give other factors."""
    fields = FIELDS["llama3"]
    if any(f"{TOLD}{ours}" not in file.metadata for ours in fields):
        return None
    told = {ours: as_written(file.real(f"{TOLD}{ours}")) for ours in fields}
    try:
        scaling = RopeScaling.model_validate({"kind": "llama3", **told})
    except ValidationError:
        return None
    again = llama3_factors(rope_to_json(base, scaling), 2 * len(factors))
    if not np.allclose(again, factors, rtol=TOLERANCE, atol=0):
        return None
    return {theirs: getattr(scaling, ours) for ours, theirs in fields.items()} | {"rope_type": "llama3"}


def _no_form(reason: str, where: str) -> ModelFormatError:
    return ModelFormatError(reason, where=where, hint="export to huggingface")


def llama3_factors(rope: Mapping[str, Any], head_dim: int) -> npt.NDArray[np.float32]:
    """The factors, (head_dim / 2,), of `rope_parameters` of type llama3 with their `rope_theta`."""
    frequencies = _frequencies(float(rope["rope_theta"]), head_dim)
    return _factors(
        frequencies,
        float(rope["factor"]),
        int(rope["original_max_position_embeddings"]),
        float(rope["low_freq_factor"]),
        float(rope["high_freq_factor"]),
    ).astype(np.float32)


def llama3_scaling(
    factors: npt.NDArray[np.float32], base: float, original: int | None, *, where: str
) -> dict[str, Any]:
    """The `rope_parameters` that have these factors, but for `rope_theta`.

    Raises:
        ModelFormatError: they are not of this kind.
    """
    found = factors.astype(np.float64)
    frequencies = _frequencies(base, 2 * len(found))
    length = original or PUBLISHED_SEQ_LEN
    largest = float(found.max()) if np.isfinite(found).all() and found.min() > 0 else 0.0
    for low, high in ((PUBLISHED_LOW, PUBLISHED_HIGH), _bounds(found, frequencies, largest, length)):
        if largest >= 1.0 and 0 < low < high:
            again = _factors(frequencies, largest, length, low, high)
            if np.allclose(again, found, rtol=TOLERANCE, atol=0):
                return {
                    "rope_type": "llama3",
                    "factor": round(largest, DECIMALS),
                    "original_max_position_embeddings": length,
                    "low_freq_factor": low,
                    "high_freq_factor": high,
                }
    raise ModelFormatError(
        f"the factors of RoPE's frequencies in {ROPE_FREQS} are not those of Llama 3's scaling, and others are not "
        "supported",
        where=where,
        hint="use a model whose RoPE is scaled by linear, yarn or llama3",
    )


def _frequencies(base: float, head_dim: int) -> npt.NDArray[np.float64]:
    return np.asarray(base ** (-np.arange(0, head_dim, 2, dtype=np.float64) / head_dim))


def _factors(
    frequencies: npt.NDArray[np.float64], factor: float, length: int, low: float, high: float
) -> npt.NDArray[np.float64]:
    kept = np.clip((length * frequencies / (2 * math.pi) - low) / (high - low), 0, 1)
    return np.asarray(1 / ((1 - kept) / factor + kept))


def _bounds(
    found: npt.NDArray[np.float64], frequencies: npt.NDArray[np.float64], factor: float, length: int
) -> tuple[float, float]:
    """`low_freq_factor` and `high_freq_factor` by least squares over the frequencies between them; (0, 0) for none."""
    between = (found > 1 + TOLERANCE) & (found < factor * (1 - TOLERANCE))
    if between.sum() < 2:
        return 0.0, 0.0
    kept = (1 / found[between] - 1 / factor) / (1 - 1 / factor)
    slope, start = np.polyfit(length * frequencies[between] / (2 * math.pi), kept, 1)
    if slope <= 0:
        return 0.0, 0.0
    low = -start / slope
    return round(float(low), DECIMALS), round(float(low + 1 / slope), DECIMALS)
