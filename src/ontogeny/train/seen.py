"""Which documents a model read, and when: computed from its packing plan, never logged.

Read is what was a target. A document of which a row has no more than its last token, as the context of what the row
begins with, is not read there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ontogeny.core.errors import UsageError
from ontogeny.train.order import Int64s
from ontogeny.train.packing import PackingPlan

LEAST_BEGINNING = 4  # digits of an id, below which what is alike is so by chance


@dataclass(frozen=True)
class SeenDocument:
    """A document read in training: the steps (from 1) that first and last read it, and tokens read as targets."""

    doc_id: str
    first_step: int
    last_step: int
    tokens: int


def documents_seen(
    plan: PackingPlan, first_step: int = 1, last_step: int | None = None
) -> list[SeenDocument]:
    """The documents read from `first_step` to `last_step`, both included and counted from 1, in the order met.

    Raises:
        UsageError: the steps are outside the training.
    """
    last = _last_step(plan, first_step, last_step)
    first_met = np.zeros(len(plan.doc_ids), dtype=np.int64)
    last_met = np.zeros(len(plan.doc_ids), dtype=np.int64)
    targets = np.zeros(len(plan.doc_ids), dtype=np.int64)
    met: dict[int, None] = {}
    for step in range(first_step, last + 1):
        segments = _segments(plan, plan.order.rows_for_step(step - 1))
        documents = plan.document[segments]
        met.update(dict.fromkeys(documents.tolist()))
        np.add.at(targets, documents, _targets(plan, segments))
        first_met[documents] = np.where(first_met[documents] == 0, step, first_met[documents])
        last_met[documents] = step
    return [SeenDocument(plan.doc_ids[i], int(first_met[i]), int(last_met[i]), int(targets[i])) for i in met]


def steps_that_read(plan: PackingPlan, doc_id: str) -> list[int]:
    """The steps (from 1, sorted) that read a document; empty where it was planned but training ended before.

    Raises:
        UsageError: the plan does not hold the document.
    """
    try:
        document = list(plan.doc_ids).index(doc_id)
    except ValueError:
        near = most_alike(doc_id, plan.doc_ids)
        raise UsageError(
            f"document {doc_id!r} is not in the packing plan: the model never read it."
            + ("" if near is None else f" Did you mean {near!r}?"),
            hint="`ontogeny seen MODEL` lists what it read",
        ) from None
    segments = np.flatnonzero(plan.document == document)
    rows = np.unique(plan.row[segments[_targets(plan, segments) > 0]])
    return [int(step) + 1 for step in plan.order.steps_of_rows(rows) if step < plan.steps]


def document_seen(
    plan: PackingPlan, doc_id: str, first_step: int = 1, last_step: int | None = None
) -> tuple[SeenDocument, tuple[int, ...]] | None:
    """A document as `documents_seen` tells of it, and all steps that read it; None where none did.

    Raises:
        UsageError: the steps are outside the training.
    """
    last = _last_step(plan, first_step, last_step)
    if doc_id not in plan.doc_ids:
        return None
    steps = tuple(step for step in steps_that_read(plan, doc_id) if first_step <= step <= last)
    if not steps:
        return None
    document, tokens = list(plan.doc_ids).index(doc_id), 0
    for step in steps:
        segments = _segments(plan, plan.order.rows_for_step(step - 1))
        segments = segments[plan.document[segments] == document]
        tokens += int(_targets(plan, segments).sum())
    return SeenDocument(doc_id, steps[0], steps[-1], tokens), steps


def most_alike(begun: str, doc_ids: Iterable[str]) -> str | None:
    """The id that has most of the digits of `begun`, an id or its beginning, where that has them; at least half.

    Digests have nothing else in common: of two that are unlike, two digits of 32 agree.
    """

    def alike(doc_id: str) -> int:
        return sum(one == other for one, other in zip(begun, doc_id, strict=False))

    found = max(doc_ids, key=alike, default="")
    return found if found and 2 * alike(found) >= max(len(begun), LEAST_BEGINNING) else None


def _last_step(plan: PackingPlan, first_step: int, last_step: int | None) -> int:
    """The last step meant; refuses steps that are not in the training."""
    last = plan.steps if last_step is None else last_step
    if last_step is not None and first_step > last_step:
        raise UsageError(
            f"the first step, {first_step}, comes after the last, {last_step}",
            hint="write the first one first: --steps 2:5",
        )
    if first_step < 1 or last > plan.steps:
        raise UsageError(
            f"steps {first_step} to {last} are not within this training",
            hint=f"it has steps 1 to {plan.steps}",
        )
    return last


def _segments(plan: PackingPlan, rows: Int64s) -> Int64s:
    """Positions of the segments of `rows` that have targets, row by row."""
    first, last = plan.first_segment[rows], plan.first_segment[rows + 1]
    segments = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    return segments[_targets(plan, segments) > 0]


def _targets(plan: PackingPlan, segments: Int64s) -> Int64s:
    """How many tokens of each segment are targets: the first of a row is context only."""
    targets: Int64s = plan.length[segments] - (plan.offset[segments] == 0)
    return targets
