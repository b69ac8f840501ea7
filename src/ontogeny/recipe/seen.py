"""Which documents a model read, and when: over its own training and that of the models it came from.

Computed from the packing plans that models carry; where a document stands and under which licence is read from the
corpora and examples in the lineage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ontogeny.core.errors import UsageError
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.graph import lineage
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.models import at_step
from ontogeny.train.packing import PACKING_FILE, PackingPlan
from ontogeny.train.seen import SeenDocument, document_seen, documents_seen, most_alike

DOCUMENT_KINDS = ("corpus", "examples")
DESCRIPTION_COLUMNS = ("doc_id", "source", "locator", "license")
SHOWN_FITTING = 5  # of several documents that a name fits


@dataclass(frozen=True)
class Reading:
    """A document that `model` read as training targets, from `first_step` to `last_step` (counted from 1).

    `steps` are all steps that read it, where one document was asked for.
    """

    model: str
    document: str
    first_step: int
    last_step: int
    tokens: int
    source: str
    locator: str
    license: str
    steps: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The document as it is named everywhere: its source and its id."""
        return named(self.source, self.document)


def readings(
    workspace: Workspace, name: str, *, steps: str | None = None, document: str | None = None
) -> list[Reading]:
    """What the model `name` and its training ancestors read, in the order met, ancestors first.

    Of a snapshot, `recipe/step@1:500`, that is what was read up to its step.

    `steps` is `A:B`, both included, of the model's own training, or of the nearest ancestor's where it has none, as an
    export; `document` asks for one document only: `SOURCE:ID`, as notes and reports name it, `ID`, or as much of its
    beginning as no other document has.

    Raises:
        UsageError: not a trained model, steps that are not in its training, a document that it never read, or more than
            one that begin so.
    """
    name, step = at_step(name)
    artifact = workspace.open(name)
    graph = lineage(workspace, [artifact.name], direction="up")
    ancestors = [workspace.open(node.name) for node in graph.nodes]
    trained = [one for one in ancestors if (one.path / PACKING_FILE).is_file()]
    if not trained:
        raise UsageError(
            f"{artifact.name} was not trained here", hint="`ontogeny ls --kind model` lists models"
        )
    if steps is not None:
        trained = trained[-1:]
    plans = [(model.name, PackingPlan.load(model.path / PACKING_FILE)) for model in trained]
    if step is not None:
        plans[-1] = f"{plans[-1][0]}:{step}", _until(plans[-1][1], step)
    documents = [one for one in ancestors if one.kind in DOCUMENT_KINDS]
    doc_id = None
    if document is not None:
        doc_id = _meant(document, [plan for _, plan in plans], documents, model=artifact.name)
    found: list[tuple[str, SeenDocument, tuple[int, ...]]] = []
    for model_name, plan in plans:
        first, last = _range(steps) if steps is not None else (1, plan.steps)
        if doc_id is None:
            found += [(model_name, seen, ()) for seen in documents_seen(plan, first, last)]
        elif (one := document_seen(plan, doc_id, first, last)) is not None:
            found.append((model_name, *one))
    if document is not None and not found:
        raise _never_read(artifact.name, document, "" if steps is None else f" in steps {steps}")
    described = _descriptions(documents, {seen.doc_id for _, seen, _ in found})
    return [
        Reading(
            model,
            seen.doc_id,
            seen.first_step,
            seen.last_step,
            seen.tokens,
            *described.get(seen.doc_id, ("", "", "")),
            steps=read_in,
        )
        for model, seen, read_in in found
    ]


def _until(plan: PackingPlan, step: int) -> PackingPlan:
    """What was read up to `step`.

    Raises:
        UsageError: the training has no such step.
    """
    if not 1 <= step <= plan.order.steps:
        raise UsageError(
            f"step {step} is not within this training", hint=f"it has steps 1 to {plan.order.steps}"
        )
    return plan.until(step)


def named(source: str, doc_id: str) -> str:
    """`books:3f2a...`; the id alone where its source is not known."""
    return f"{source}:{doc_id}" if source else doc_id


def _meant(document: str, plans: Sequence[PackingPlan], documents: Sequence[Artifact], *, model: str) -> str:
    """The id of the document that `document` names: `SOURCE:ID` or `ID`, of the latter only a beginning if need be.

    Raises:
        UsageError: none that was read begins so, or several do.
    """
    source, _, begun = document.rpartition(":")
    doc_ids = [begun]
    if not any(begun in plan.doc_ids for plan in plans):
        doc_ids = list(dict.fromkeys(seen.doc_id for plan in plans for seen in documents_seen(plan)))
    fitting = [each for each in doc_ids if each.startswith(begun)]
    sources = {doc_id: told[0] for doc_id, told in _descriptions(documents, set(fitting)).items()}
    of_source = [each for each in fitting if sources.get(each, source) == source] if source else fitting
    if len(of_source) == 1:
        return of_source[0]
    if of_source:
        some = ", ".join(named(sources.get(each, ""), each) for each in of_source[:SHOWN_FITTING])
        raise UsageError(
            f"{len(of_source):,} documents that {model} read begin as {document!r}: {some}"
            + (", ..." if len(of_source) > SHOWN_FITTING else ""),
            hint="give more of the id",
        )
    near = fitting[0] if fitting else most_alike(begun, doc_ids)
    if near is None:
        raise _never_read(model, document)
    told = _descriptions(documents, {near}).get(near, ("",))
    raise _never_read(model, document, f". Did you mean {named(told[0], near)!r}?")


def _never_read(model: str, document: str, more: str = "") -> UsageError:
    return UsageError(
        f"{model} never read a document {document!r}{more}",
        hint=f"`ontogeny seen {model}` lists what it read",
    )


def _range(steps: str) -> tuple[int, int]:
    first, colon, last = steps.partition(":")
    if not (colon and first.isdigit() and last.isdigit()):
        raise UsageError(f"{steps!r} is not a range of steps", hint="write A:B, for example --steps 1:10")
    return int(first), int(last)


def _descriptions(artifacts: Iterable[Artifact], wanted: set[str]) -> dict[str, tuple[str, str, str]]:
    """doc_id -> source, locator, licence, of the documents that are `wanted`."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if not wanted:
        return {}
    of_wanted = pc.field("doc_id").isin(sorted(wanted))
    described: dict[str, tuple[str, str, str]] = {}
    for artifact in artifacts:
        for part in sorted(artifact.path.glob("part-*.parquet")):
            columns = pq.read_table(part, columns=list(DESCRIPTION_COLUMNS), filters=of_wanted).to_pydict()
            rows = zip(*(columns[name] for name in DESCRIPTION_COLUMNS), strict=True)
            described |= {
                doc_id: (source, locator, license or "") for doc_id, source, locator, license in rows
            }
    return described
