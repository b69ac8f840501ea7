"""The safetensors files of a model folder, checked before anything is copied.

One file `model.safetensors`, or several named by `model.safetensors.index.json`. The library checks header, offsets and
overlaps; here names, shapes and number types are held against what the model expects. Pickled weights are refused:
unpickling runs whatever code the file's author chose.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ontogeny.core.errors import ModelFormatError
from ontogeny.core.given_json import read_given_object
from ontogeny.model.formats.companions import INDEX_FILE, PICKLED_SUFFIXES, WEIGHTS_FILE

BASE_PREFIXES = (
    "model.",
    "transformer.",
)  # left out of the names by those who store a model without its head
FLOAT_TYPES = ("F64", "F32", "F16", "BF16")
NAMES_SHOWN = 3


def read_tensors(
    folder: Path, expected: Mapping[str, tuple[int, ...]], *, ignored: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Tensor]]:
    """Every expected tensor, by name, on the CPU, in its stored type.

    Args:
        expected: name to shape.
        ignored: names that may be present and are not read.

    Raises:
        ModelFormatError: a file that is cut short, or a tensor that is missing, unexpected or of another shape or
            type; names the file or the tensor. Nothing is yielded before names have been checked in every file.
    """
    homes, prefix = _checked_homes(folder, expected, ignored)
    for path in sorted({homes[name] for name in expected}):
        with opened(path) as file:
            for name in sorted(name for name in expected if homes[name] == path):
                yield name, _read(file, path, name, expected[name], prefix)


def read_in_turn(
    folder: Path, expected: Mapping[str, tuple[int, ...]], *, ignored: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Tensor]]:
    """The same, each from a file that is opened for it: a tensor that is let go leaves nothing in memory, where of an
    open file all stays that was read."""
    homes, prefix = _checked_homes(folder, expected, ignored)
    for name, shape in expected.items():
        with opened(homes[name]) as file:
            tensor = _read(file, homes[name], name, shape, prefix)
        yield name, tensor


def stored_names(folder: Path) -> set[str]:
    """The names of all tensors in the files, read from their headers.

    Raises:
        ModelFormatError: no weights, or a file that is cut short; names it.
    """
    return set(_homes(folder))


def _checked_homes(
    folder: Path, expected: Mapping[str, tuple[int, ...]], ignored: frozenset[str]
) -> tuple[dict[str, Path], str]:
    """The file of every expected tensor, and the prefix that stored names lack."""
    homes = _homes(folder)
    prefix = _missing_prefix(homes, expected)
    if prefix:
        homes = {name if name in expected else f"{prefix}{name}": path for name, path in homes.items()}
    _check_names(folder, set(homes), set(expected), ignored)
    return homes, prefix


def _read(file: Any, path: Path, name: str, shape: tuple[int, ...], prefix: str) -> Tensor:
    stored = name.removeprefix(prefix)
    view = file.get_slice(stored)
    _check_tensor(path, name, tuple(view.get_shape()), view.get_dtype(), shape)
    tensor: Tensor = file.get_tensor(stored)
    return tensor


def _missing_prefix(stored: Collection[str], expected: Collection[str]) -> str:
    """The prefix that expected names begin with and no stored name does; empty where there is none."""
    for prefix in BASE_PREFIXES:
        if any(name.startswith(prefix) for name in expected):
            return "" if any(name.startswith(prefix) for name in stored) else prefix
    return ""


def _homes(folder: Path) -> dict[str, Path]:
    """The file of every stored tensor."""
    if (folder / INDEX_FILE).exists():
        return _homes_by_index(folder)
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        _refuse_without_weights(folder)
    with opened(path) as file:
        return dict.fromkeys(file.keys(), path)


def _homes_by_index(folder: Path) -> dict[str, Path]:
    where = folder / INDEX_FILE
    try:
        files = sorted({str(name) for name in read_given_object(where)["weight_map"].values()})
    except (ModelFormatError, KeyError, TypeError, AttributeError) as error:
        raise ModelFormatError(
            "not an index of weights", where=str(where), hint="fetch the model again"
        ) from error
    homes: dict[str, Path] = {}
    for name in files:
        path = folder / name
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelFormatError(
                f"{name!r} is not the name of a safetensors file in this folder",
                where=str(where),
                hint="mend the index",
            )
        if not path.is_file():
            raise ModelFormatError(
                "missing, though the index names it", where=str(path), hint="fetch the model again"
            )
        with opened(path) as file:
            names = set(file.keys())
        if twice := sorted(names & homes.keys()):
            raise ModelFormatError(
                f"tensor {twice[0]} is stored in {homes[twice[0]].name} as well",
                where=str(path),
                hint="which of the two is meant cannot be told: fetch the model again",
            )
        homes |= dict.fromkeys(names, path)
    return homes


def _refuse_without_weights(folder: Path) -> NoReturn:
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED_SUFFIXES)
    if pickled:
        raise ModelFormatError(
            f"{pickled[0]} holds pickled weights, which can run code when they are loaded",
            where=str(folder),
            hint="only safetensors are read: ask for them, or, where you trust the file, let transformers convert it "
            "with AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)",
        )
    if (folder / WEIGHTS_FILE).is_dir():
        raise ModelFormatError(
            "a folder where a file should be", where=str(folder / WEIGHTS_FILE), hint="fetch the model again"
        )
    raise ModelFormatError(
        f"no {WEIGHTS_FILE} here", where=str(folder), hint="name a folder that holds a whole model"
    )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """`safe_open`, which has no types, with complaints that name the file: ModelFormatError."""
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelFormatError(
            f"not a whole safetensors file ({error})",
            where=str(path),
            hint="it may be cut short or damaged: fetch it again",
        ) from error


def _check_names(folder: Path, stored: set[str], expected: set[str], ignored: frozenset[str]) -> None:
    for what, names in (("missing", expected - stored), ("unexpected", stored - expected - ignored)):
        if names:
            shown = ", ".join(sorted(names)[:NAMES_SHOWN])
            more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
            raise ModelFormatError(
                f"{what} tensors: {shown}{more}",
                where=str(folder),
                hint="config.json and the weights do not belong together, or the family is another one",
            )


def _check_tensor(
    path: Path, name: str, shape: tuple[int, ...], dtype: str, expected: tuple[int, ...]
) -> None:
    if shape != expected:
        raise ModelFormatError(
            f"tensor {name} has shape {list(shape)}, config.json asks for {list(expected)}",
            where=str(path),
            hint="config.json and the weights do not belong together",
        )
    if dtype not in FLOAT_TYPES:
        raise ModelFormatError(
            f"tensor {name} is of type {dtype}",
            where=str(path),
            hint=f"only {', '.join(FLOAT_TYPES)} can be read",
        )


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write `tensors` into the new file `path`, which others may read as far as the umask lets them.

    The library writes a temporary file, which only its owner may read, and gives it the name in the end.
    """
    path.touch()
    mode = path.stat().st_mode
    save_file(dict(tensors), path, metadata={"format": "pt"})
    path.chmod(mode)


def to_dtype(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """`tensor` in `dtype`, contiguous.

    Raises:
        ModelFormatError: a finite value that `dtype` cannot hold.
    """
    converted = tensor.to(dtype)
    if dtype != tensor.dtype and not torch.equal(converted.isfinite(), tensor.isfinite()):
        raise ModelFormatError(
            f"tensor {name} holds values that {dtype} cannot",
            where=name,
            hint="export as bf16 or f32 instead of f16",
        )
    return converted.contiguous()
