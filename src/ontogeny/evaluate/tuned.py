"""Whether a model was ever tuned to converse, as far as its lineage tells."""

from __future__ import annotations

from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.reads import IMPORTS, parent_of

TUNES, OTHERWISE = "finetune", "classify"
"""The step that teaches a model to answer, and that task of it which teaches something else."""
MADE_OF = ("model", "init", "base")
"""Roles of inputs whose weights a step goes on with."""


def is_untuned(artifact: Artifact) -> bool:
    """Whether it and the models that it was made of were all made here, none of them by tuning it to answer."""
    frontier = [artifact]
    while frontier:
        here = frontier.pop()
        tuned = here.manifest.step_type == TUNES and here.manifest.config.get("task") != OTHERWISE
        if tuned or here.manifest.step_type == IMPORTS:
            return False
        for record in here.manifest.inputs:
            if record.role.rpartition(".")[2] in MADE_OF:
                if (parent := parent_of(here, record)) is None:
                    return False
                frontier.append(parent)
    return True
