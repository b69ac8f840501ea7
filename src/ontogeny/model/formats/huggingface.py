"""A model as a Hugging Face folder: out and in.

    config.json  generation_config.json  model.safetensors  tokenizer.json  tokenizer_config.json

Our tensors carry the names of these architectures already, but for the prefix `model.`; GPT-2's are translated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ontogeny.core.errors import ModelFormatError, UsageError
from ontogeny.core.files import write_atomic
from ontogeny.core.given_json import read_given_object
from ontogeny.model.config import ModelConfig
from ontogeny.model.formats import huggingface_gpt2
from ontogeny.model.formats.companions import CONFIG_FILE, GENERATION_FILE, WEIGHTS_FILE
from ontogeny.model.formats.huggingface_config import config_from_json, config_to_json
from ontogeny.model.formats.safetensors_folder import (
    read_in_turn,
    read_tensors,
    stored_names,
    to_dtype,
    write_tensors,
)
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer

HEAD = "lm_head.weight"
PREFIX = "model."
LAYER = re.compile(r"(?:^|\.)(?:layers|h)\.(\d+)\.")  # in the names of all families
MAX_UNUSED_ROWS = 1024  # published tables have been padded by up to some 950 rows

FloatType = Literal["f32", "f16", "bf16"]
DTYPES: dict[FloatType, torch.dtype] = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def save(
    model: Transformer, folder: Path, *, tokenizer: Tokenizer | None = None, dtype: FloatType = "f32"
) -> None:
    """Write `model` into `folder`, which is made if need be.

    With its `tokenizer` the folder is whole: tokenizer files, and the ids at which text ends in both configurations.
    Without, whoever calls writes them.

    Raises:
        ModelFormatError: weights that `dtype` cannot hold, or a tokenizer with more entries than the model.
    """
    if tokenizer is not None:
        check_tokenizer(tokenizer, model.config, where=str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: to_dtype(name, tensor.detach().cpu(), DTYPES[dtype])
        for name, tensor in to_theirs(model.config, model.state_dict()).items()
    }
    write_tensors(folder / WEIGHTS_FILE, tensors)
    end_id = None if tokenizer is None else tokenizer.end_of_text_id
    stored = str(DTYPES[dtype]).removeprefix("torch.")
    _write_json(folder / CONFIG_FILE, config_to_json(model.config, dtype=stored, end_id=end_id))
    if tokenizer is not None:
        ends = {"eos_token_id": sorted(tokenizer.stop_ids), "pad_token_id": end_id, "do_sample": True}
        _write_json(folder / GENERATION_FILE, ends)
        tokenizer.save(folder)


def load(folder: Path, device: str = "cpu", *, dtype: torch.dtype = torch.float32) -> Transformer:
    """Read a model onto `device`, ready to be used; its weights can be trained.

    Raises:
        ModelFormatError: a folder that is not a whole model of a supported family; names the file or the tensor.
        UsageError: a half-precision type on the CPU.
    """
    if device == "cpu" and dtype in (torch.float16, torch.bfloat16):
        raise UsageError(
            f"{dtype} on a CPU is many times slower than float32 on most processors",
            hint="leave the type out, or load on cuda",
        )
    config = read_config(folder)
    _check_layers(folder, config)
    model = Transformer.without_weights(config)
    state = {
        ours: tensor.to(device=device, dtype=dtype)
        for name, stored in read_tensors(folder, expected_shapes(config), ignored=ignorable_tensors(config))
        for ours, tensor in to_ours(config, name, stored)
    }
    model.load_state_dict(state, assign=True)
    model.make_tables(device)
    return model.eval()


def read_weights(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """Our tensors of the model in `folder` as they are stored, each mapped from its file and let go with it.

    Raises:
        ModelFormatError: as `load`.
    """
    config = read_config(folder)
    _check_layers(folder, config)
    for name, tensor in read_in_turn(folder, expected_shapes(config), ignored=ignorable_tensors(config)):
        yield from to_ours(config, name, tensor)


def read_config(folder: Path) -> ModelConfig:
    """The description of the model in `folder`.

    Raises:
        ModelFormatError: `config.json` is missing, is not JSON, or describes what cannot be read.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ModelFormatError(
            f"no {CONFIG_FILE} here",
            where=str(folder),
            hint="name a folder that holds a whole Hugging Face model",
        )
    return config_from_json(read_given_object(path), str(path))


def _check_layers(folder: Path, config: ModelConfig) -> None:
    """Raise ModelFormatError for fewer layers in the files than `config` asks for.

    Told from names alone: to build ten thousand layers takes half a minute, even without their weights.
    """
    numbers = {match[1] for name in stored_names(folder) if (match := LAYER.search(name))}
    if len(numbers) < config.n_layers:
        raise ModelFormatError(
            f"missing tensors: {CONFIG_FILE} asks for {config.n_layers:,} layers, the weights have {len(numbers):,}",
            where=str(folder),
            hint=f"{CONFIG_FILE} and the weights do not belong together",
        )


def check_tokenizer(tokenizer: Tokenizer, config: ModelConfig, *, where: str) -> None:
    """Raise ModelFormatError when `tokenizer` is not that of the model, as far as their sizes tell.

    A model may have some more rows than there are tokens: tables are padded to round numbers. A tokenizer may have ids
    beyond the model's only where neither text nor the chat template can bring them up (Gemma 3's mark for images).
    """
    beyond = {number for number in tokenizer.ids if number >= config.vocab_size} - tokenizer.idle_ids
    unused = config.vocab_size - tokenizer.vocab_size
    if beyond or unused > MAX_UNUSED_ROWS:
        gaps = unused >= 0 and beyond  # as many entries as fit, and yet one that does not
        found = f"an entry with the id {max(beyond):,}" if gaps else f"{tokenizer.vocab_size:,} entries"
        raise ModelFormatError(
            f"the tokenizer has {found}, the model {config.vocab_size:,}",
            where=where,
            hint="a model goes with the tokenizer it was trained with",
        )


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Every tensor that a folder of this model stores, by its Hugging Face name."""
    state = Transformer.without_weights(config).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in to_theirs(config, state).items()}


def ignorable_tensors(config: ModelConfig) -> frozenset[str]:
    """Tensors that some writers store though they hold nothing of their own."""
    if config.family == "gpt2":
        tables = huggingface_gpt2.ignorable_tensors(config)
    else:
        tables = {f"model.layers.{layer}.self_attn.rotary_emb.inv_freq" for layer in range(config.n_layers)}
    return frozenset(tables | ({HEAD} if config.tie_embeddings else set()))


def to_theirs(config: ModelConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor of a model as a folder stores it, from our state dict."""
    if config.family == "gpt2":
        return huggingface_gpt2.to_theirs(state)
    return {ours if ours == HEAD else f"{PREFIX}{ours}": tensor for ours, tensor in state.items()}


def to_ours(config: ModelConfig, name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Our tensors in one that a folder stores."""
    if config.family == "gpt2":
        yield from huggingface_gpt2.to_ours(name, tensor)
    else:
        yield name.removeprefix(PREFIX), tensor


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True) + "\n")
