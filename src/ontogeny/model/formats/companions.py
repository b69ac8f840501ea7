"""Which files of a folder belong to a model; anything else in it is somebody's own. Imports no torch."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

CONFIG_FILE = "config.json"
GENERATION_FILE = "generation_config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
ADAPTER_CONFIG_FILE = "adapter_config.json"
ADAPTER_WEIGHTS_FILE = "adapter_model.safetensors"
BASE_FILE = "base.json"  # beside adapters: what they belong to
CLASSIFIER_FILE = "classifier.json"  # beside a classifier: its labels, and how it reads texts
PICKLED_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
GGUF_FILE = "model.gguf"  # what an export of that format holds
GGUF_SUFFIX = ".gguf"
# The first of several files of a model.
GGUF_PART = re.compile(r"(.+)-00001-of-(\d{5})(\.gguf)", re.IGNORECASE)
MOST_GGUF_PARTS = 1000
COMPANIONS = (
    CONFIG_FILE,
    GENERATION_FILE,
    "tokenizer.json",
    "tokenizer.model",
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


def is_adapter(folder: Path) -> bool:
    """Whether `folder` holds adapters, not a whole model."""
    return (folder / ADAPTER_CONFIG_FILE).is_file()


def model_files(folder: Path) -> list[Path]:
    """The files of `folder` that belong to a model or an adapter, weights included, in the order of their names."""
    names = {*COMPANIONS, INDEX_FILE, ADAPTER_CONFIG_FILE, BASE_FILE, CLASSIFIER_FILE}
    ours = (path for path in folder.iterdir() if path.name in names or path.suffix == ".safetensors")
    return sorted(path for path in ours if path.is_file())


def is_gguf(path: Path) -> bool:
    """Whether the name of `path` says that it is a GGUF file, in letters of either case."""
    return path.suffix.lower() == GGUF_SUFFIX


def gguf_files(path: Path) -> list[Path]:
    """The file of a GGUF model, or by its name the first of several and the others, whether they exist or not."""
    match = GGUF_PART.fullmatch(path.name)
    count = int(match[2]) if match else 1
    if match is None or not 1 < count <= MOST_GGUF_PARTS:
        return [path]
    return [
        path.with_name(f"{match[1]}-{number:05}-of-{count:05}{match[3]}") for number in range(1, count + 1)
    ]
