"""A GGUF file as the Hugging Face folder of the same model: numbers as float, names and order of rows as there.

    config.json  generation_config.json  model.safetensors  tokenizer.json  tokenizer_config.json

Everything else then reads one format. Whole types keep their width (F16 stays F16); quantised ones become F32, which
holds their numbers exactly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import ModelFormatError
from ontogeny.core.files import disk_errors, write_atomic
from ontogeny.model.config import ModelConfig
from ontogeny.model.formats.companions import CONFIG_FILE, GENERATION_FILE, WEIGHTS_FILE
from ontogeny.model.formats.gguf_decode import decode
from ontogeny.model.formats.gguf_names import (
    Architecture,
    architecture,
    is_norm,
    is_query_or_key,
    pairs_to_halves,
    stored_name,
)
from ontogeny.model.formats.gguf_parts import GgufModel
from ontogeny.model.formats.gguf_rope import ROPE_FREQS
from ontogeny.model.formats.gguf_settings import config_values
from ontogeny.model.formats.huggingface import expected_shapes
from ontogeny.model.formats.huggingface_config import config_from_json, config_to_json
from ontogeny.model.formats.safetensors_stream import Slot, write_safetensors
from ontogeny.tokenizer.formats.gguf import read_gguf_tokenizer

KEPT = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}  # BF16 as its bits
NAMES_SHOWN = 3


def unpack(path: Path, folder: Path) -> ModelConfig:
    """Write the model in the GGUF file `path` (and its further parts) into the empty `folder`; returns its description.

    Raises:
        ModelFormatError: a file that is damaged, or a model or a tokenizer that is not supported; says what.
        ArtifactError: the file or the folder cannot be used.
    """
    file = GgufModel(path)
    values = config_values(file)
    config = config_from_json(values, str(path))
    _check_layers(file, config.n_layers)
    kind = architecture(file)
    shapes = expected_shapes(config)
    names = {theirs: stored_name(theirs, kind) for theirs in shapes}
    _check_tensors(file, names, shapes)
    tokenizer = read_gguf_tokenizer(file.metadata, where=str(path))
    if tokenizer.size > config.vocab_size:
        raise ModelFormatError(
            f"the tokenizer has {tokenizer.size:,} entries, the model {config.vocab_size:,}",
            where=str(path),
            hint="the file is damaged: fetch it again",
        )
    slots = {theirs: Slot(_dtype(file, name, theirs, kind), shapes[theirs]) for theirs, name in names.items()}
    with disk_errors("unpacking a GGUF file"):
        write_safetensors(folder / WEIGHTS_FILE, slots, _tensors(file, names, slots, kind, config.head_dim))
        stored = config_to_json(config, dtype="float32", end_id=tokenizer.end_id)
        _write_json(folder / CONFIG_FILE, stored | {"bos_token_id": tokenizer.begin_id})
        ends = {"eos_token_id": tokenizer.stop_ids, "pad_token_id": tokenizer.end_id, "do_sample": True}
        _write_json(folder / GENERATION_FILE, ends)
        tokenizer.save(folder)
    return config


def _check_layers(file: GgufModel, n_layers: int) -> None:
    """Raise ModelFormatError for fewer layers than the metadata asks for; to build thousands of them takes long."""
    found = {name.split(".")[1] for name in file.tensors if name.startswith("blk.")}
    if len(found) < n_layers:
        raise ModelFormatError(
            f"missing tensors: its metadata asks for {n_layers:,} layers, it has {len(found):,}",
            where=str(file.path),
            hint="the file is damaged: fetch it again",
        )


def _check_tensors(file: GgufModel, names: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]) -> None:
    wanted = set(names.values())
    for what, found in (
        ("missing", wanted - set(file.tensors)),
        ("unexpected", set(file.tensors) - wanted - {ROPE_FREQS}),
    ):
        if found:
            more = f" and {len(found) - NAMES_SHOWN} more" if len(found) > NAMES_SHOWN else ""
            raise ModelFormatError(
                f"{what} tensors: {', '.join(sorted(found)[:NAMES_SHOWN])}{more}",
                where=str(file.path),
                hint="the model is of another kind than its metadata says",
            )
    for theirs, name in names.items():
        if file.tensors[name].shape != shapes[theirs]:
            raise ModelFormatError(
                f"tensor {name} has shape {list(file.tensors[name].shape)}, its metadata asks for "
                f"{list(shapes[theirs])}",
                where=str(file.path),
                hint="the file is damaged: fetch it again",
            )


def _dtype(file: GgufModel, name: str, theirs: str, kind: Architecture) -> str:
    stored = file.tensors[name].type.name
    return stored if stored in KEPT and not _is_shifted(theirs, kind) else "F32"


def _is_shifted(theirs: str, kind: Architecture) -> bool:
    return is_norm(theirs) and kind.norm_offset != 0


def _tensors(
    file: GgufModel, names: Mapping[str, str], slots: Mapping[str, Slot], kind: Architecture, head_dim: int
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for theirs, name in names.items():
        info = file.tensors[name]
        if info.type.name == slots[theirs].dtype:
            tensor: npt.NDArray[Any] = file.raw(name).view(KEPT[info.type.name]).reshape(info.shape)
        else:
            tensor = decode(file.raw(name), info.type.name, info.shape)
        if _is_shifted(theirs, kind):
            with np.errstate(invalid="ignore"):  # what is no number stays none
                tensor = tensor - np.float32(kind.norm_offset)
        if kind.pairs_interleaved and is_query_or_key(theirs):
            tensor = pairs_to_halves(tensor, head_dim)
        yield theirs, tensor


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True) + "\n")
