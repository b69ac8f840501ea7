"""A model from whatever its folder holds: whole, or adapters beside which the base is named."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ontogeny.core.errors import ModelFormatError
from ontogeny.model.formats import huggingface, peft
from ontogeny.model.formats.companions import CONFIG_FILE, is_adapter
from ontogeny.model.lora import merge
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer

SNAPSHOT_DEPTH = 2  # a snapshot lies so far below the artifact from which its base is seen


def load(folder: Path, device: str = "cpu", *, dtype: torch.dtype = torch.float32) -> Transformer:
    """Read the model in `folder` onto `device`; adapters are merged into their base, in float32.

    Raises:
        ModelFormatError: it cannot be read, or the base of its adapters is not there or another one.
        UsageError: a half-precision type on the CPU.
    """
    if not is_adapter(folder):
        return huggingface.load(folder, device, dtype=dtype)
    model = load(base_folder(folder), device)
    peft.load_onto(model, folder)
    merge(model)
    return model.to(dtype)


def without_weights(folder: Path) -> Transformer:
    """As `load` gives it, but names and shapes alone.

    Raises:
        ModelFormatError: its description, or that of the base of its adapters, cannot be read.
    """
    if is_adapter(folder):
        return without_weights(base_folder(folder))
    return Transformer.without_weights(huggingface.read_config(folder))


def base_folder(folder: Path) -> Path:
    """Where the base of the adapters in `folder` lies.

    Raises:
        ModelFormatError: nothing says so, or there is nothing there.
    """
    base = peft.read_base(folder)
    if base is None:
        raise ModelFormatError(
            "this is an adapter, and nothing here says where its base lies",
            where=str(folder),
            hint="bring it in beside its base: `ontogeny import ./ADAPTER --base RECIPE/STEP --name NAME`",
        )
    for artifact in (folder, *folder.absolute().parents[:SNAPSHOT_DEPTH]):
        found = (artifact / base.folder).resolve()
        if (found / CONFIG_FILE).is_file():
            return found
    raise ModelFormatError(
        f"the base of this adapter, {base.name}, is not there any more",
        where=str((folder / base.folder).resolve()),
        hint="restore it from a copy, or run its recipe again",
    )


@contextmanager
def whole_folder(folder: Path, *, near: Path) -> Iterator[Path]:
    """`folder`, or where it holds adapters one below `near` with the whole merged model, while the context lasts."""
    if not is_adapter(folder):
        yield folder
        return
    made = Path(tempfile.mkdtemp(prefix=".merged-", dir=near))
    try:
        huggingface.save(load(folder), made, tokenizer=Tokenizer.load(folder))
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
