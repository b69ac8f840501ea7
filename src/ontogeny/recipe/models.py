"""What a user means by MODEL: a name in the workspace, an alias, a Hugging Face folder, or a `.gguf` file."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ontogeny.core.errors import UsageError
from ontogeny.core.files import digest_file, disk_errors, sync_tree
from ontogeny.lineage.artifact import Artifact, record_files
from ontogeny.lineage.manifest import content_digest
from ontogeny.lineage.workspace import Workspace

MODEL_KINDS = ("model", "export")
GGUF_SUFFIX = ".gguf"


@dataclass(frozen=True)
class LocatedModel:
    """A model folder, the name to show for it, its content digest, and its artifact where it is one.

    `folder` holds what a GGUF file means, where one was named; the digest is then the file's.
    """

    folder: Path
    name: str
    digest: str
    artifact: Artifact | None = None


def locate_model(text: str, workspace: Workspace) -> LocatedModel:
    """Find the model that `text` means; the payload of an artifact is checked before it is used.

    Raises:
        UsageError: nothing of that name, an artifact of another kind, or a form that is not read yet.
        ArtifactError: the artifact is damaged.
    """
    if text.startswith(("pip:", "hf:")):
        raise UsageError(
            f"{text!r}: this version reads models of this workspace, Hugging Face folders and .gguf files only",
            hint="give the path of a folder with config.json and model.safetensors, or of a .gguf file",
        )
    if text.endswith(GGUF_SUFFIX):
        return _gguf(Path(text).expanduser(), workspace)
    if text.startswith((".", "/", "~")):
        folder = Path(text).expanduser()
        if not (folder / "config.json").is_file():
            raise UsageError(
                f"{text} is not a model folder", hint="a model folder has config.json and model.safetensors"
            )
        return LocatedModel(folder, folder.resolve().name, content_digest(record_files(folder)))
    artifact = workspace.open(text)
    if artifact.kind not in MODEL_KINDS:
        raise UsageError(
            f"{artifact.name} is of kind {artifact.kind!r}, not a model", hint="`ontogeny ls --kind model`"
        )
    artifact.check(content=True)
    return LocatedModel(artifact.path, artifact.name, artifact.digest, artifact)


def _gguf(path: Path, workspace: Workspace) -> LocatedModel:
    """The model of a GGUF file, as a folder in the workspace's cache that is made on first use."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}", hint="name a .gguf file that exists")
    with disk_errors("reading a GGUF file"):
        digest = digest_file(path)
        folder = workspace.root / "cache" / "gguf" / digest.partition(":")[2]
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            _unpack_whole(path, folder)
    return LocatedModel(folder, path.stem, digest)


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
