"""What a user means by MODEL: a name in the workspace, an alias, or a Hugging Face folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ontogeny.core.errors import UsageError
from ontogeny.lineage.artifact import Artifact, record_files
from ontogeny.lineage.manifest import content_digest
from ontogeny.lineage.workspace import Workspace

MODEL_KINDS = ("model", "export")


@dataclass(frozen=True)
class LocatedModel:
    """A model folder, the name to show for it, its content digest, and its artifact where it is one."""

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
    if text.startswith(("pip:", "hf:")) or text.endswith(".gguf"):
        raise UsageError(
            f"{text!r}: this version reads models of this workspace and Hugging Face folders only",
            hint="give the path of a folder with config.json and model.safetensors",
        )
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
