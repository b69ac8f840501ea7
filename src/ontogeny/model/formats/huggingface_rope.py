"""RoPE in `config.json`: its base, and how its frequencies were scaled for a longer context.

Two spellings are in use: `rope_theta` with `rope_scaling`, and since transformers 5 `rope_parameters`, which holds
both; Gemma 3 has one such entry for each kind of layer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.config import RopeScaling

FULL, SLIDING = "full_attention", "sliding_attention"
ORIGINAL = "original_max_position_embeddings"
# What each kind reads, by our names; the key `rope_type` apart.
FIELDS: dict[str, dict[str, str]] = {
    "default": {},
    "linear": {"factor": "factor"},
    "llama3": {
        "factor": "factor",
        "original_seq_len": ORIGINAL,
        "low_freq_factor": "low_freq_factor",
        "high_freq_factor": "high_freq_factor",
    },
    "yarn": {
        "factor": "factor",
        "original_seq_len": ORIGINAL,
        "beta_fast": "beta_fast",
        "beta_slow": "beta_slow",
        "truncate": "truncate",
        "attention_factor": "attention_factor",
    },
}
ALWAYS_KNOWN = {"rope_type", "type", "rope_theta"}


def rope_from_json(values: Mapping[str, Any], *, base: float, where: str) -> tuple[float, RopeScaling | None]:
    """Base and scaling of the layers that see everything; `base` is the family's when none is given.

    Raises:
        ModelFormatError: a kind of scaling, or a setting of one, that this decoder does not have, or two of them that
            disagree.
    """
    newer, older = _entry(values, FULL, where), _mapping(values, "rope_scaling", where)
    found = _meant(newer or older, values, base, where)
    # transformers 5 lets `rope_scaling` win and drops what stands in `rope_parameters`, the base included; older
    # versions and other programs read the other one. Which the weights were trained with cannot be told.
    if newer and older and _meant(older, values, base, where) != found:
        raise ModelFormatError(
            f"rope_scaling {dict(older)} and rope_parameters {dict(newer)} disagree",
            where=where,
            hint="keep the one the weights were trained with, rope_theta included, and take the other out of the file",
        )
    return found


def local_base_from_json(values: Mapping[str, Any], *, base: float, where: str) -> float:
    """Base of RoPE in local layers where they have their own (Gemma 3).

    Raises:
        ModelFormatError: the frequencies of local layers are scaled.
    """
    rope = _entry(values, SLIDING, where)
    if _kind(rope) != "default":
        raise ModelFormatError(
            f"RoPE of type {_kind(rope)!r} in sliding_attention layers is not supported",
            where=where,
            hint="only models that scale the RoPE of full_attention layers alone can be read",
        )
    return float(rope.get("rope_theta") or values.get("rope_local_base_freq") or base)


def rope_to_json(base: float, scaling: RopeScaling | None) -> dict[str, object]:
    """One entry of `rope_parameters`."""
    if scaling is None:
        return {"rope_type": "default", "rope_theta": base}
    fields = {theirs: getattr(scaling, ours) for ours, theirs in FIELDS[scaling.kind].items()}
    given = {name: value for name, value in fields.items() if value is not None}
    return {"rope_type": scaling.kind, "rope_theta": base, **given}


def _meant(
    rope: Mapping[str, Any], values: Mapping[str, Any], base: float, where: str
) -> tuple[float, RopeScaling | None]:
    found = rope.get("rope_theta") or values.get("rope_theta") or base
    return float(found), _scaling(rope, values, where)


def _entry(values: Mapping[str, Any], kind_of_layer: str, where: str) -> Mapping[str, Any]:
    """`rope_parameters` of one kind of layer; one entry for all layers is that of those that see everything."""
    rope = _mapping(values, "rope_parameters", where)
    if FULL in rope or SLIDING in rope:
        return _mapping(rope, kind_of_layer, where)
    return rope if kind_of_layer == FULL else {}


def _mapping(values: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """The object under `name`, empty where there is none."""
    found = values.get(name) or {}
    if not isinstance(found, Mapping):
        raise ModelFormatError(
            f"{name}: {found!r} is not an object",
            where=where,
            hint="the file is damaged, or written for another program",
        )
    return found


def _kind(rope: Mapping[str, Any]) -> str:
    return str(rope.get("rope_type") or rope.get("type") or "default")


def _scaling(rope: Mapping[str, Any], values: Mapping[str, Any], where: str) -> RopeScaling | None:
    kind = _kind(rope)
    if kind not in FIELDS:
        raise ModelFormatError(
            f"RoPE of type {kind!r} is not supported",
            where=where,
            hint=f"the kinds that can be read are {', '.join(FIELDS)}",
        )
    fields = {ours: rope[theirs] for ours, theirs in FIELDS[kind].items() if rope.get(theirs) is not None}
    partial = rope.get("partial_rotary_factor") or 1.0
    known = {*ALWAYS_KNOWN, *FIELDS[kind].values(), "partial_rotary_factor"}
    if kind == "yarn":
        known |= {"mscale", "mscale_all_dim"}
    strange = sorted(key for key, value in rope.items() if key not in known and value is not None)
    if partial != 1.0 or strange:
        name = "partial_rotary_factor" if partial != 1.0 else strange[0]
        raise ModelFormatError(
            f"{name}: {rope[name]!r} of RoPE {kind!r} is not supported",
            where=where,
            hint="only models whose RoPE turns whole heads, with settings this kind is known to have, can be read",
        )
    if kind == "default":
        return None
    if kind != "linear":
        length = values.get(ORIGINAL) or fields.get("original_seq_len") or values["max_position_embeddings"]
        fields["original_seq_len"] = length
    if kind == "yarn":
        fields.setdefault("factor", values["max_position_embeddings"] / fields["original_seq_len"])
        fields.setdefault("attention_factor", _attention_factor(rope, fields["factor"]))
    return RopeScaling.model_validate({"kind": kind, **fields})


def _attention_factor(rope: Mapping[str, Any], factor: float) -> float | None:
    """From DeepSeek's `mscale` and `mscale_all_dim`; None, which is the usual value, where not both are given."""
    scale, scale_all = rope.get("mscale"), rope.get("mscale_all_dim")
    if not scale or not scale_all:
        return None
    grown = 0.1 * math.log(factor)
    return float((grown * scale + 1) / (grown * scale_all + 1))
