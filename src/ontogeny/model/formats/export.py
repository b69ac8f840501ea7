"""A stored model in another number type or format, everything else as it was; adapters are merged before.

A Hugging Face folder is rewritten tensor by tensor; configuration, tokenizer and template are copied, so that what was
published with a model (token ids, template, licence) stays with it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

from ontogeny.core.errors import UsageError, nearest
from ontogeny.core.files import disk_errors, payload_files, read_json, write_atomic
from ontogeny.model.formats import peft
from ontogeny.model.formats.companions import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    copy_companions,
    is_adapter,
    model_files,
)
from ontogeny.model.formats.gguf_export import GGUF_TYPES, write_gguf_export
from ontogeny.model.formats.gguf_file import Value
from ontogeny.model.formats.huggingface import (
    DTYPES,
    FloatType,
    expected_shapes,
    ignorable_tensors,
    read_config,
)
from ontogeny.model.formats.safetensors_folder import read_tensors, to_dtype, write_tensors
from ontogeny.model.formats.stored import base_folder, whole_folder


def export_folder(source: Path, out: Path, *, weight_type: str = "f32") -> list[Path]:
    """Write the model in `source` to the new folder `out`; returns its files, relative to it.

    Raises:
        UsageError: `out` exists, or an unknown type.
        ModelFormatError: `source` cannot be read, or holds values that the type cannot.
    """
    if weight_type not in DTYPES:
        raise _unknown_type(weight_type, get_args(FloatType))
    return _export_whole(out, lambda folder: write_export(source, folder, weight_type=weight_type))


def export_peft(source: Path, out: Path) -> list[Path]:
    """Write the adapters in `source` to the new folder `out` that `peft` loads; returns its files, relative to it.

    Raises:
        UsageError: `out` exists, or `source` is a whole model.
    """
    return _export_whole(out, lambda folder: write_peft_export(source, folder))


def _export_whole(out: Path, write: Callable[[Path], None]) -> list[Path]:
    """Have `write` fill the new folder `out`, which is whole or absent."""
    if out.exists():
        raise UsageError(f"{out} exists already", hint="name a folder that does not exist yet")
    with disk_errors("exporting a model"):
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            write(unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(out)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return payload_files(out)


def export_gguf(
    source: Path, out: Path, *, weight_type: str = "f32", provenance: Mapping[str, Value] | None = None
) -> None:
    """Write the model in `source` to the new file `out`, in the format GGUF; see `write_gguf_export`.

    Raises:
        UsageError: `out` exists, or an unknown type.
        ModelFormatError: `source` cannot be read, or GGUF has no form for it.
    """
    if weight_type not in GGUF_TYPES:
        raise _unknown_type(weight_type, GGUF_TYPES)
    if out.exists():
        raise UsageError(f"{out} exists already", hint="name a file that does not exist yet")
    with disk_errors("exporting a model"):
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            write_gguf_export(source, unfinished / out.name, weight_type=weight_type, provenance=provenance)
            (unfinished / out.name).rename(out)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def write_export(source: Path, folder: Path, *, weight_type: FloatType) -> None:
    """Write the model in `source` into the empty `folder`; see `export_folder`."""
    with whole_folder(source, near=folder.parent) as whole:
        _rewrite(whole, folder, weight_type=weight_type)


def _rewrite(source: Path, folder: Path, *, weight_type: FloatType) -> None:
    config = read_config(source)
    tensors = {
        name: to_dtype(name, tensor, DTYPES[weight_type])
        for name, tensor in read_tensors(source, expected_shapes(config), ignored=ignorable_tensors(config))
    }
    write_tensors(folder / WEIGHTS_FILE, tensors)
    copy_companions(source, folder)
    values = {key: value for key, value in read_json(source / CONFIG_FILE).items() if key != "torch_dtype"}
    values["dtype"] = str(DTYPES[weight_type]).removeprefix("torch.")
    write_atomic(folder / CONFIG_FILE, json.dumps(values, indent=2, sort_keys=True) + "\n")


def write_peft_export(source: Path, folder: Path) -> None:
    """Write the adapters in `source` into the empty `folder`, which names their base by its full path.

    Raises:
        UsageError: `source` is a whole model.
    """
    if not is_adapter(source):
        raise UsageError(
            "this is a whole model, without adapters to export",
            where=str(source),
            hint="--format huggingface, or --format gguf",
        )
    for path in model_files(source):
        if path.name != CONFIG_FILE:  # of the base, whose weights are not here
            shutil.copyfile(path, folder / path.name)
    peft.name_base(folder, base_folder(source))


def _unknown_type(given: str, known: tuple[str, ...]) -> UsageError:
    return UsageError(
        f"unknown type {given!r}.{nearest(given, known)}", hint=f"choose one of {', '.join(known)}"
    )
