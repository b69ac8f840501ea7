"""The manifest of what a step has made: everything that can be said of it, gathered in one place."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ontogeny.core import hardware
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.manifest import FileRecord, InputRecord, Manifest, content_digest
from ontogeny.lineage.step import Outputs
from ontogeny.recipe.plan import Node
from ontogeny.recipe.schema import Recipe


@dataclass(frozen=True)
class Made:
    """What running a step gave: when it began (UTC), what it told, how long it took, and its payload files."""

    started: str
    outputs: Outputs
    seconds: float
    files: tuple[FileRecord, ...]


def describe(
    recipe: Recipe,
    node: Node,
    inputs: Mapping[str, Artifact],
    made: Made,
    *,
    version: int,
    ledger_head: str,
    fingerprint: str,
    external: dict[str, str],
    device: str,
) -> Manifest:
    """The manifest of `recipe/node@version`; memory and threads are those of this process."""
    held = [inputs[use.reference.role] for use in node.uses if not use.reference.only_decides]
    return Manifest(
        kind=node.step.kind_of(node.config),
        recipe=recipe.name,
        step=node.name,
        version=version,
        step_type=node.step.name,
        step_version=node.step.version,
        config=node.config.model_dump(mode="json"),
        inputs=tuple(InputRecord(role=r, name=a.name, digest=a.digest) for r, a in inputs.items()),
        external_files=external,
        fingerprint=fingerprint,
        files=made.files,
        digest=content_digest(made.files),
        metrics=made.outputs.metrics,
        verdicts=made.outputs.verdicts,
        seed=node.seed,
        started=made.started,
        ended=now(),
        device=device,
        threads=hardware.thread_count(),
        hardware=hardware.describe(),
        packages=hardware.package_versions(),
        revision=_revision(recipe),
        licenses=_licenses(made.outputs, held),
        knowledge_cutoff=_knowledge_cutoff(made.outputs, held),
        spent=_spent(made.outputs, made.seconds),
        ledger_head=ledger_head,
    )


def now() -> str:
    """The time, UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _spent(outputs: Outputs, seconds: float) -> dict[str, dict[str, float | str]]:
    measured = {
        "seconds": round(seconds, 3),
        "peak_memory_bytes": hardware.peak_memory_bytes(),
        **outputs.spent,
    }
    return {name: {"value": value, "source": "measured"} for name, value in measured.items()}


def _licenses(outputs: Outputs, held: Sequence[Artifact]) -> tuple[str, ...]:
    below = {license for artifact in held for license in artifact.manifest.licenses}
    return tuple(sorted(below | set(outputs.licenses)))


def _knowledge_cutoff(outputs: Outputs, held: Sequence[Artifact]) -> str | None:
    known = [artifact.manifest.knowledge_cutoff for artifact in held]
    dates = [date for date in (*known, outputs.knowledge_cutoff) if date is not None]
    return max(dates, default=None)


def _revision(recipe: Recipe) -> str | None:
    """Commit of the repository that holds the recipe, marked where files differ from it."""
    if recipe.source is None:
        return None
    folder = recipe.source.path.absolute().parent
    try:
        command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
