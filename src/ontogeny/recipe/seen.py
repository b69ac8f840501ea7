"""Which documents a model read, and when: over its own training and that of the models it came from.

Computed from the packing plans that models carry; where a document stands and under which licence is read from the
corpora and examples in the lineage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ontogeny.core.errors import UsageError
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.graph import lineage
from ontogeny.lineage.workspace import Workspace
from ontogeny.train.packing import PACKING_FILE, PackingPlan
from ontogeny.train.seen import SeenDocument, documents_seen, steps_that_read

DOCUMENT_KINDS = ("corpus", "examples")
DESCRIPTION_COLUMNS = ("doc_id", "source", "locator", "license")


@dataclass(frozen=True)
class Reading:
    """A document that `model` read as training targets, from `first_step` to `last_step` (counted from 1)."""

    model: str
    document: str
    first_step: int
    last_step: int
    tokens: int
    source: str
    locator: str
    license: str


def readings(
    workspace: Workspace, name: str, *, steps: str | None = None, document: str | None = None
) -> list[Reading]:
    """What the model `name` and its training ancestors read, in the order met, ancestors first.

    `steps` is `A:B`, both included, of the model's own training; `document` asks for one document only.

    Raises:
        UsageError: not a trained model, steps that are not in its training, a document that it never read.
    """
    artifact = workspace.open(name)
    graph = lineage(workspace, [artifact.name], direction="up")
    ancestors = [workspace.open(node.name) for node in graph.nodes]
    trained = [one for one in ancestors if one.kind == "model" and (one.path / PACKING_FILE).is_file()]
    if not trained:
        raise UsageError(
            f"{artifact.name} was not trained here", hint="`ontogeny ls --kind model` lists models"
        )
    if steps is not None:
        trained = trained[-1:]
    described = _descriptions(one for one in ancestors if one.kind in DOCUMENT_KINDS)
    found = []
    for model in trained:
        for seen in _seen(PackingPlan.load(model.path / PACKING_FILE), steps, document):
            source, locator, license = described.get(seen.doc_id, ("", "", ""))
            found.append(
                Reading(
                    model.name,
                    seen.doc_id,
                    seen.first_step,
                    seen.last_step,
                    seen.tokens,
                    source,
                    locator,
                    license,
                )
            )
    if document is not None and not found:
        raise UsageError(
            f"{artifact.name} never read a document {document!r}",
            hint=f"`ontogeny seen {artifact.name}` lists what it read",
        )
    return found


def _seen(plan: PackingPlan, steps: str | None, document: str | None) -> list[SeenDocument]:
    first, last = _range(steps) if steps is not None else (1, None)
    if document is None:
        return documents_seen(plan, first, last)
    if document not in plan.doc_ids:
        return []
    read = [
        step for step in steps_that_read(plan, document) if step >= first and (last is None or step <= last)
    ]
    if not read:
        return []
    within = documents_seen(plan, read[0], read[-1])
    return [seen for seen in within if seen.doc_id == document]


def _range(steps: str) -> tuple[int, int]:
    first, colon, last = steps.partition(":")
    if not (colon and first.isdigit() and last.isdigit()):
        raise UsageError(f"{steps!r} is not a range of steps", hint="write A:B, for example --steps 1:10")
    return int(first), int(last)


def _descriptions(artifacts: Iterable[Artifact]) -> dict[str, tuple[str, str, str]]:
    """doc_id -> source, locator, licence."""
    import pyarrow.parquet as pq

    described: dict[str, tuple[str, str, str]] = {}
    for artifact in artifacts:
        for part in sorted(artifact.path.glob("part-*.parquet")):
            columns = pq.read_table(part, columns=list(DESCRIPTION_COLUMNS)).to_pydict()
            rows = zip(*(columns[name] for name in DESCRIPTION_COLUMNS), strict=True)
            described |= {
                doc_id: (source, locator, license or "") for doc_id, source, locator, license in rows
            }
    return described
