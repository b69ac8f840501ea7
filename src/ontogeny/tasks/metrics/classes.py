"""Metrics of classification: labels that a model writes, and how well a score tells two classes apart.

Tables of right and chosen labels are kept as three counts for each class (hits, right, chosen): F1 and Matthews'
correlation need no more. Labels that are none of the task's count as chosen for no class: they lower recall.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.definition import TaskDefinition
from ontogeny.tasks.metrics.kind import Floats, Judge, Judgement, MetricKind, Statistic
from ontogeny.tasks.metrics.likelihood import CHOICE, counted_classes, logprobs
from ontogeny.tasks.requests import Answer, Item, OutputType

WRITTEN: frozenset[OutputType] = frozenset({"generate_until"})
LABELS = "labels"
PAIR = 2

LEVELS = 512
WIDEST = 40.0
"""Nats between two choices beyond which scores count as equal."""
BEND = 16.0
"""Nats up to which levels are about equally wide (0.1 nats); beyond, they widen in proportion.

Of scores that spread over a nat or more the area is moved by less than 0.001 (see the tests)."""


def level_of(score: float) -> int:
    """The level, from 0 to LEVELS - 1, of a difference of log-probabilities."""
    reach = math.asinh(WIDEST / BEND)
    place = (math.asinh(score / BEND) / reach + 1) / 2
    return min(max(int(place * LEVELS), 0), LEVELS - 1)


def _auroc(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """A count at the level of the item's score, among those of its class."""
    first, second = logprobs(item, answer)
    row = [0.0] * (PAIR * LEVELS)
    row[item.gold[0] * LEVELS + level_of(second - first)] = 1.0
    return {"auroc": tuple(row)}


def _is_no_pair(item: Item, options: Mapping[str, Any]) -> str | None:
    if len(item.choices) == PAIR and len(item.gold) == 1:
        return None
    return f"auroc tells two classes apart, and this item has {len(item.choices)} choices, {len(item.gold)} right"


def auroc(sums: Floats) -> Floats:
    """Area under the ROC curve of sums (..., 2 LEVELS): the chance that an item of the second class scores above one of
    the first; equal levels count half. Not a number where a class is absent."""
    first, second = sums[..., :LEVELS], sums[..., LEVELS:]
    below = np.cumsum(first, axis=-1) - first / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        area: Floats = (second * below).sum(-1) / (first.sum(-1) * second.sum(-1))
    return area


def tidy(label: object) -> str:
    """A label as it is compared: no case, no white space around it, no point at its end."""
    return str(label).strip().rstrip(".").lower()


def _written(name: str) -> Judge:
    """The first output is the chosen label, the first reference the right one."""

    def judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
        labels = [tidy(label) for label in options[LABELS]]
        said = tidy(answer.outputs[0])
        right = labels.index(tidy(item.references[0]))
        return {name: counted_classes(right, labels.index(said) if said in labels else None, len(labels))}

    return judge


def _check_labels(options: Mapping[str, Any], definition: TaskDefinition, where: str) -> None:
    labels: Sequence[object] = options.get(LABELS) or ()
    different = {tidy(label) for label in labels}
    if len(different) < PAIR or len(different) < len(labels):
        raise RecipeError(
            f"a written label is compared with all there are, and `{LABELS}` are {list(labels)}", where=where,
            hint=f"write {LABELS}: [...] beside the metric, two or more different ones",
        )  # fmt: skip


def _is_no_label(item: Item, options: Mapping[str, Any]) -> str | None:
    labels = {tidy(label) for label in options[LABELS]}
    right = item.references[0]
    return (
        None
        if tidy(right) in labels
        else f"the right answer {right!r} is none of {', '.join(sorted(labels))}"
    )


METRICS = (
    MetricKind("auroc", CHOICE, _auroc, "auroc", unfit=_is_no_pair),
    *(
        MetricKind(
            name, WRITTEN, _written(name), name, share=name != "mcc", options={LABELS: list},
            check=_check_labels, unfit=_is_no_label,
        )
        for name in ("macro_f1", "weighted_f1", "mcc")
    ),
)  # fmt: skip
STATISTICS: Mapping[str, Statistic] = {"auroc": auroc}
