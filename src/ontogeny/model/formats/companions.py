"""Which files of a folder belong to a model; anything else in it is somebody's own. Imports no torch."""

from __future__ import annotations

import shutil
from pathlib import Path

CONFIG_FILE = "config.json"
GENERATION_FILE = "generation_config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
GGUF_FILE = "model.gguf"  # what an export of that format holds
COMPANIONS = (
    CONFIG_FILE,
    GENERATION_FILE,
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
)


def copy_companions(source: Path, folder: Path) -> None:
    """Copy configuration, tokenizer, template and licence, whichever of them `source` has."""
    for name in COMPANIONS:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def model_files(folder: Path) -> list[Path]:
    """The files of `folder` that belong to a model, weights included, in the order of their names."""
    names = {*COMPANIONS, INDEX_FILE}
    return sorted(path for path in folder.iterdir() if path.name in names or path.suffix == ".safetensors")
