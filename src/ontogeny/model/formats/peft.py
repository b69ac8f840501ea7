"""Adapters as a folder that `peft` loads, both ways, and the fingerprint of the model they belong to.

    adapter_config.json  adapter_model.safetensors  base.json

Tensors are named as PEFT names those of a causal model, `base_model.model.model.layers.0.mlp.up_proj.lora_A.weight`.
`base.json` is ours: the digest of the base's weights, which is the same however they are packed, where the base lies,
and how it was kept while the adapters were tuned. What adapters from elsewhere ask for that plain LoRA, rsLoRA and DoRA
are not is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from blake3 import blake3
from torch import Tensor

from ontogeny.core.errors import ModelFormatError
from ontogeny.core.files import read_json, write_atomic
from ontogeny.core.given_json import read_given_object
from ontogeny.model.config_lora import BaseForm, Lora
from ontogeny.model.formats.companions import (
    ADAPTER_CONFIG_FILE,
    ADAPTER_WEIGHTS_FILE,
    BASE_FILE,
)
from ontogeny.model.formats.huggingface import PREFIX
from ontogeny.model.formats.safetensors_folder import FLOAT_TYPES, NAMES_SHOWN, opened, write_tensors
from ontogeny.model.lora import AdaptedLinear, adapt, adapters, linear_layers
from ontogeny.model.transformer import Transformer

OUTSIDE = f"base_model.model.{PREFIX}"  # before a layer's name; PEFT's wrapper, then the architecture's
PARTS = {"lora_A": "lora_A.weight", "lora_B": "lora_B.weight", "lora_magnitude": "lora_magnitude_vector"}
"""Ours to PEFT's, behind a layer's name."""
PLAIN: dict[str, tuple[Any, ...]] = {
    "bias": ("none",), "fan_in_fan_out": (False,), "modules_to_save": ([],), "rank_pattern": ({},),
    "alpha_pattern": ({},), "layer_replication": ([],), "lora_bias": (False,), "target_parameters": ([],),
    "trainable_token_indices": ([], {}), "use_qalora": (False,), "alora_invocation_tokens": ([],),
    "init_lora_weights": (True, False, "gaussian", "eva", "orthogonal"),
}  # fmt: skip
"""Settings of PEFT that change what an adapter means, and the values (besides null) with which it is as ours."""


@dataclass(frozen=True)
class Base:
    """The model that adapters belong to."""

    name: str
    """What people call it."""
    weights: str
    """`weights_digest` of it."""
    folder: str
    """Where it lies, seen from the artifact that holds the adapters."""
    form: BaseForm = "float32"
    """How its matrices were kept while the adapters were tuned on them: `weights` are those before."""


def weights_digest(model: Transformer) -> str:
    """The fingerprint of a model: BLAKE3 over its weights as float32, in the order of their names; adapters apart."""
    hasher = blake3(max_threads=blake3.AUTO)
    names = Transformer.without_weights(model.config).state_dict().keys()
    state = model.state_dict()
    for name in sorted(names):
        hasher.update(f"{name} {list(state[name].shape)}\n".encode())
        numbers = state[name].detach().float().cpu().contiguous().flatten()
        hasher.update(numbers.view(torch.uint8).numpy().data)
    return f"blake3:{hasher.hexdigest()}"


def save(model: Transformer, folder: Path, settings: Lora, base: Base) -> None:
    """Write the adapters of `model`, which `settings` made, into `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = adapters(model)
    write_tensors(folder / ADAPTER_WEIGHTS_FILE, _tensors(layers))
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base.folder,
        "r": settings.rank,
        "lora_alpha": settings.alpha,
        "lora_dropout": settings.dropout,
        "target_modules": sorted(_targets(layers, linear_layers(model))),
        "use_rslora": settings.rank_stabilised,
        "use_dora": settings.dora,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
    }
    _write_json(folder / ADAPTER_CONFIG_FILE, config)
    write_base(folder, base)


def _tensors(layers: Mapping[str, AdaptedLinear]) -> dict[str, Tensor]:
    return {
        f"{OUTSIDE}{name}.{theirs}": weight.detach().float().cpu().contiguous()
        for name, layer in layers.items()
        for ours, theirs in PARTS.items()
        if (weight := getattr(layer, ours)) is not None
    }


def _targets(adapted: Mapping[str, object], others: Mapping[str, object]) -> set[str]:
    """Names that mean the layers `adapted` and none of `others`: last parts where those do, else whole names."""
    left = {name.rpartition(".")[2] for name in others}
    return {last if (last := name.rpartition(".")[2]) not in left else name for name in adapted}


def write_base(folder: Path, base: Base) -> None:
    """Say in `folder`, which holds adapters, what they belong to."""
    _write_json(folder / BASE_FILE, asdict(base))


def name_base(folder: Path, path: Path) -> None:
    """Say in `folder`, which holds adapters, that their base lies at `path`, which is there: for us and for PEFT."""
    base = read_base(folder)
    assert base is not None, "adapters in a workspace have one"
    write_base(folder, replace(base, folder=str(path)))
    config = folder / ADAPTER_CONFIG_FILE
    _write_json(config, {**read_json(config), "base_model_name_or_path": str(path)})


def read_base(folder: Path) -> Base | None:
    """What `folder` says of its base; None where it was not written here.

    Raises:
        ModelFormatError: the file is damaged.
    """
    path = folder / BASE_FILE
    if not path.is_file():
        return None
    try:
        return Base(**read_given_object(path))
    except (ModelFormatError, TypeError) as error:
        raise ModelFormatError(
            f"not the description of a base ({error})", where=str(path), hint="export the adapter again"
        ) from error


def load_onto(model: Transformer, folder: Path) -> None:
    """Put the adapters in `folder` onto `model`, which is frozen then.

    Raises:
        ModelFormatError: they belong to other weights, or do what cannot be read here; names the setting or the tensor.
    """
    base = read_base(folder)
    if base is not None and weights_digest(model) != base.weights:
        raise ModelFormatError(
            f"this adapter was trained on other weights: those of {base.name}",
            where=str(folder),
            hint=f"its base has the fingerprint {base.weights}; load it with that",
        )
    settings = _settings(folder / ADAPTER_CONFIG_FILE)
    stored = _read(folder)
    layers = linear_layers(model)
    chosen = {name.rpartition(".lora_")[0] for name in stored}
    unknown = sorted(chosen - layers.keys())
    if unknown:
        raise _misfit(folder, f"it adapts {unknown[0]}, which the model does not have as a linear layer")
    adapt(model, {name: layers[name] for name in layers if name in chosen}, settings, seed=0)
    _fill(model, stored, folder)


def read_back(model: Transformer, folder: Path) -> None:
    """Give the adapters of `model` the weights in `folder`, to which they were written.

    Raises:
        ModelFormatError: those are adapters of others.
    """
    _fill(model, _read(folder), folder)


def _fill(model: Transformer, stored: Mapping[str, Tensor], folder: Path) -> None:
    state = {
        f"{name}.{part}": weight
        for name, layer in adapters(model).items()
        for part in PARTS
        if (weight := getattr(layer, part)) is not None
    }
    expected = {name: tuple(weight.shape) for name, weight in state.items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if expected.get(name) != shapes.get(name):
            there, asked = (list(found[name]) if name in found else "missing" for found in (shapes, expected))
            raise _misfit(folder, f"tensor {name} is {there}, model and settings ask for {asked}")
    with torch.no_grad():
        for name, tensor in stored.items():
            state[name].copy_(tensor)


def _misfit(folder: Path, message: str) -> ModelFormatError:
    return ModelFormatError(
        message, where=str(folder), hint="the adapter and the model do not belong together: name its own base"
    )


def _settings(path: Path) -> Lora:
    """What `adapter_config.json` means for adapters; its `target_modules` follow from the tensors."""
    values = read_given_object(path)
    if values.get("peft_type") != "LORA":
        raise ModelFormatError(
            f"peft_type {values.get('peft_type')!r} cannot be read",
            where=str(path),
            hint="only LoRA can, with its kinds rsLoRA and DoRA; merge it with peft and import the whole model",
        )
    for name, fitting in PLAIN.items():
        value = values.get(name)
        if value is not None and value not in fitting:
            raise ModelFormatError(
                f"{name} {json.dumps(value)} cannot be read",
                where=str(path),
                hint="merge the adapter with peft (`merge_and_unload`), and import the whole model",
            )
    try:
        return Lora(
            rank=values["r"],
            alpha=values["lora_alpha"],
            rank_stabilised=values.get("use_rslora", False),
            dora=values.get("use_dora", False),
        )
    except (KeyError, ValueError) as error:
        raise ModelFormatError(
            "not the settings of a LoRA adapter: `r` and `lora_alpha` are numbers above zero",
            where=str(path),
            hint="fetch the adapter again",
        ) from error


def _read(folder: Path) -> dict[str, Tensor]:
    """The tensors of a folder by our names."""
    path = folder / ADAPTER_WEIGHTS_FILE
    if not path.is_file():
        raise ModelFormatError(
            "the weights of the adapter are missing",
            where=str(path),
            hint="only safetensors are read: save it again with `safe_serialization=True`",
        )
    ours = {theirs: name for name, theirs in PARTS.items()}
    tensors: dict[str, Tensor] = {}
    unknown: list[str] = []
    with opened(path) as file:
        for name in file.keys():  # noqa: SIM118 (a file, not a dict)
            layer, dot, part = name.removeprefix(OUTSIDE).partition(".lora_")
            if not name.startswith(OUTSIDE) or f"lora_{part}" not in ours or not dot:
                unknown.append(name)
            elif (dtype := file.get_slice(name).get_dtype()) not in FLOAT_TYPES:
                raise ModelFormatError(
                    f"tensor {name} is of type {dtype}",
                    where=str(path),
                    hint=f"only {', '.join(FLOAT_TYPES)} can be read",
                )
            else:
                tensors[f"{layer}.{ours[f'lora_{part}']}"] = file.get_tensor(name)
    if unknown or not tensors:
        shown = ", ".join(sorted(unknown)[:NAMES_SHOWN]) or "none"
        raise ModelFormatError(
            f"not only adapters of the layers of a causal model: {shown}",
            where=str(path),
            hint="merge the adapter with peft (`merge_and_unload`), and import the whole model",
        )
    return tensors


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True) + "\n")
