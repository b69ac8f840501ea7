"""A model folder as one GGUF file that llama.cpp and what is built on it load: weights, tokenizer, template, origin.

Tensors pass one at a time, so the model need not stand in memory whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.formats.gguf_encode import encode, fits
from ontogeny.model.formats.gguf_file import CODES, TYPES, Value
from ontogeny.model.formats.gguf_names import (
    ARCHITECTURE_OF,
    ARCHITECTURES,
    EMBEDDING,
    OUTPUT,
    Architecture,
    halves_to_pairs,
    is_norm,
    is_query_or_key,
    stored_name,
)
from ontogeny.model.formats.gguf_rope import rope_tensors
from ontogeny.model.formats.gguf_settings import metadata_values
from ontogeny.model.formats.gguf_writer import Stored, write_gguf
from ontogeny.model.formats.huggingface import expected_shapes, ignorable_tensors, read_config
from ontogeny.model.formats.safetensors_folder import read_tensors
from ontogeny.model.formats.stored import whole_folder
from ontogeny.tokenizer.formats.gguf_metadata import tokenizer_metadata

GgufType = Literal["f32", "f16", "bf16", "q8_0", "q4_0", "q4_k_m"]
GGUF_TYPES: tuple[GgufType, ...] = get_args(GgufType)
FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7, "q4_k_m": 15, "bf16": 32}  # llama.h, llama_ftype
PLAIN_TYPES = {"f32": "F32", "f16": "F16", "bf16": "BF16", "q8_0": "Q8_0", "q4_0": "Q4_0", "q4_k_m": "Q4_K"}
QUANTIZATION_VERSION = 2  # of the layouts of blocks (ggml.h, GGML_QNT_VERSION)
# What is stored where rows are no whole blocks of 256, and where they are none of 32 (llama.cpp, src/llama-quant.cpp).
FALLBACKS = {"Q4_K": "Q5_0", "Q6_K": "Q8_0", "Q5_0": "F16", "Q8_0": "F16", "Q4_0": "F16"}


def write_gguf_export(
    source: Path, path: Path, *, weight_type: GgufType, provenance: Mapping[str, Value] | None = None
) -> None:
    """Write the model in the folder `source`, adapters merged, to the file `path`.

    Args:
        weight_type: how matrices are stored; gains and biases stay F32, as llama.cpp wants them.
        provenance: metadata on where the model comes from, by the keys of GGUF; see `gguf_provenance`.

    Raises:
        ModelFormatError: a family, a setting or a tokenizer that GGUF has no form for, or numbers that the type
            cannot hold; names it.
    """
    with whole_folder(source, near=path.parent) as whole:
        _write(whole, path, weight_type, provenance or {})


def _write(source: Path, path: Path, weight_type: GgufType, provenance: Mapping[str, Value]) -> None:
    config = read_config(source)
    prefix = ARCHITECTURE_OF.get(config.family)
    if prefix is None:
        raise ModelFormatError(
            f"a model of family {config.family!r} cannot be written as GGUF",
            where=str(source),
            hint=f"the families that can are {', '.join(ARCHITECTURE_OF)}; or export to huggingface",
        )
    kind = ARCHITECTURES[prefix]
    settings = metadata_values(config, prefix, where=str(source))
    shapes = expected_shapes(config)
    names = {theirs: stored_name(theirs, kind) for theirs in shapes}
    stored = {
        name: Stored(
            chosen_type(name, shapes[theirs], weight_type, config.n_layers, names.values()), shapes[theirs]
        )
        for theirs, name in names.items()
    }
    factors, told = rope_tensors(config)
    metadata: dict[str, Value] = {
        "general.architecture": prefix,
        "general.type": "model",
        **provenance,
        "general.file_type": FILE_TYPES[weight_type],
        "general.quantization_version": QUANTIZATION_VERSION,
        **settings,
        **told,
        **tokenizer_metadata(source, config.vocab_size),
    }
    tensors = read_tensors(source, shapes, ignored=ignorable_tensors(config))
    encoded = _encoded(tensors, names, stored, kind, config.head_dim)
    write_gguf(
        path,
        metadata,
        stored | {name: Stored("F32", numbers.shape) for name, numbers in factors.items()},
        itertools.chain(encoded, ((name, encode(numbers, "F32")) for name, numbers in factors.items())),
    )


def chosen_type(name: str, shape: tuple[int, ...], weight_type: GgufType, n_layers: int, names: Any) -> str:
    """The type that tensor `name` is stored in: llama.cpp's mixes (src/llama-quant.cpp, llama_tensor_get_type).

    The head (the embedding where it is tied) and, in Q4_K_M, half of the layers' values and last projections lose more
    by rounding than the rest, and get more bits.
    """
    if len(shape) == 1:
        return "F32"
    chosen = PLAIN_TYPES[weight_type]
    head = name == OUTPUT or (name == EMBEDDING and OUTPUT not in names)
    if weight_type in ("q4_0", "q4_k_m") and head:
        chosen = "Q6_K"
    elif weight_type == "q4_k_m" and (".attn_v." in name or ".ffn_down." in name):
        chosen = "Q6_K" if _gets_more_bits(int(name.split(".")[1]), n_layers) else "Q4_K"
    while shape[-1] % TYPES[CODES[chosen]].block:
        chosen = FALLBACKS[chosen]
    return chosen


def _gets_more_bits(layer: int, n_layers: int) -> bool:
    """The first and the last eighth of the layers, and every third between them."""
    eighth = n_layers // 8
    return layer < eighth or layer >= 7 * n_layers // 8 or (layer - eighth) % 3 == 2


def _encoded(
    tensors: Iterator[tuple[str, Tensor]],
    names: Mapping[str, str],
    stored: Mapping[str, Stored],
    kind: Architecture,
    head_dim: int,
) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
    for theirs, tensor in tensors:
        numbers = tensor.float().numpy()
        if kind.norm_offset and is_norm(theirs):
            numbers = numbers + np.float32(kind.norm_offset)
        if kind.pairs_interleaved and is_query_or_key(theirs):
            numbers = halves_to_pairs(numbers, head_dim)
        name = names[theirs]
        if not fits(numbers, stored[name].type):
            raise ModelFormatError(
                f"tensor {theirs} holds values that {stored[name].type} cannot",
                where=theirs,
                hint="export as bf16 or f32",
            )
        yield name, encode(numbers, stored[name].type)
