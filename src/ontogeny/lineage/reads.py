"""What a model has learnt from: the texts and the models among its ancestors, as manifests name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ontogeny.core.errors import ArtifactError
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.manifest import InputRecord

TEXTS = ("corpus", "examples")
NOT_LEARNT_FROM = ("tokenizer", "general")
"""Roles of inputs that shape or judge a training, and whose text no step of it learns from."""
MODELS = ("model", "adapter", "classifier", "export")
WEIGHTS = ("model", "init", "base", "teacher")
"""Roles of inputs that are models, whose weights or words another is made of."""
IMPORTS = "import-model"


@dataclass(frozen=True)
class Reads:
    """The texts a model and its ancestors were trained on, in the order met.

    `models` are the model itself and the models among its ancestors, teachers included, names by digest. `unknown` are
    ancestors that came from outside: what they read is not recorded here. `missing` are names of ancestors that are
    recorded and no longer in the workspace.
    """

    texts: tuple[Artifact, ...] = ()
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, artifact: Artifact) -> Reads:
        """Of a model, an adapter or an export; the teacher of a distilled one counts as an ancestor."""
        met = {artifact.name}
        frontier = [artifact]
        texts: list[Artifact] = []
        unknown: list[str] = []
        missing: list[str] = []
        models: dict[str, str] = {}
        while frontier:
            here = frontier.pop(0)
            if here.kind in TEXTS:
                texts.append(here)
                continue
            if here.kind in MODELS:
                models[here.digest] = here.name
            if here.manifest.step_type == IMPORTS:
                unknown.append(here.name)
            for record in here.manifest.inputs:
                if record.name in met or record.role.rpartition(".")[2] in NOT_LEARNT_FROM:
                    continue
                met.add(record.name)
                if (parent := parent_of(here, record)) is None:
                    missing.append(record.name)
                    if record.role.rpartition(".")[2] in WEIGHTS:
                        models[record.digest] = record.name
                else:
                    frontier.append(parent)
        return cls(tuple(texts), tuple(unknown), tuple(missing), models)

    def kin(self, other: Reads) -> str | None:
        """The name of a model that is among the ancestors of both; None where none is known to be."""
        return next((name for digest, name in self.models.items() if digest in other.models), None)


def parent_of(artifact: Artifact, record: InputRecord) -> Artifact | None:
    """The artifact that an input was, in the same workspace; None where it is gone, or is another by now."""
    recipes = artifact.path.parent.parent  # artifacts/<recipe>/<step>@<version>
    try:
        found = Artifact.open(recipes / record.name)
    except ArtifactError:
        return None
    return found if found.digest == record.digest and not found.size_problems() else None
