"""From a model's responses to scores: filters, then metrics, item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.tasks.build import Task
from ontogeny.tasks.definition import Metric
from ontogeny.tasks.filters import Filter, Outputs, compiled
from ontogeny.tasks.metrics import AGGREGATIONS, DEFAULTS, metric_kind
from ontogeny.tasks.metrics.kind import RATIO, MetricKind, Summands
from ontogeny.tasks.requests import Answer, Item, Response, Scored, Written


@dataclass(frozen=True)
class Measure:
    """A metric as a task asks for it: with its options, on the outputs of one filter pipeline."""

    kind: MetricKind
    options: Mapping[str, Any]
    pipeline: str

    @property
    def labels(self) -> list[str]:
        """Of all its results."""
        return [self.label(name) for name in self.kind.names(self.options)]

    def label(self, result: str) -> str:
        """What a result is called: by harness's `metric,filter` where the task has filters of its own."""
        return f"{result},{self.pipeline}" if self.pipeline else result


@dataclass(frozen=True)
class Judge:
    """Everything that a task measures, ready to be applied to answers."""

    measures: tuple[Measure, ...]
    pipelines: Mapping[str, Filter]

    def answer(self, responses: Sequence[Response]) -> Answer:
        """The responses to an item's requests, unfiltered."""
        scored = tuple(one for one in responses if isinstance(one, Scored))
        written = tuple(one for one in responses if isinstance(one, Written))
        return Answer(scored, written, tuple(one.text for one in written[:1]))

    def judge(self, item: Item, answer: Answer) -> dict[str, tuple[MetricKind, Summands]]:
        """The summands of each result, by its label."""
        results = {}
        for measure in self.measures:
            seen = answer
            if answer.written:
                outputs: Outputs = tuple(one.text for one in answer.written)
                if measure.pipeline or not measure.kind.every_repeat:
                    outputs = self.pipelines[measure.pipeline](outputs)
                seen = Answer(answer.scored, answer.written, outputs)
            for name, summands in measure.kind.judge(item, seen, measure.options).items():
                results[measure.label(name)] = (measure.kind, summands)
        return results

    def unfit(self, item: Item) -> str | None:
        """Why the item cannot be judged; None where it can."""
        for measure in self.measures:
            if measure.kind.unfit is not None and (why := measure.kind.unfit(item, measure.options)):
                return why
        return None

    @property
    def needs(self) -> frozenset[str]:
        """What its metrics need that is not in the task file."""
        return frozenset(measure.kind.needs for measure in self.measures if measure.kind.needs)


def labels_of(tasks: Sequence[Task], *, alike: bool = False) -> tuple[str, ...]:
    """What all of these tasks measure, in the order of the first; of tasks that count `alike`, whatever their sizes,
    only means over items, since nothing else can be weighed.

    Raises:
        RecipeError: nothing is left; or as `judge_of`.
    """
    measured = [
        {label: measure.kind for measure in judge_of(task).measures for label in measure.labels}
        for task in tasks
    ]
    shared = tuple(label for label in measured[0] if all(label in others for others in measured))
    if not shared:
        raise RecipeError(
            "the tasks of the group measure nothing in common", where=str(tasks[0].file.path),
            hint="give them the same metric, or evaluate them one by one",
        )  # fmt: skip
    means = tuple(label for label in shared if measured[0][label].statistic == RATIO)
    if alike and not means:
        raise RecipeError(
            f"{shared[0]} is no mean over items, so tasks of different sizes cannot count alike in it",
            where=str(tasks[0].file.path), hint="leave `weight_by_size: false` out of the group",
        )  # fmt: skip
    return means if alike else shared


def judge_of(task: Task, given: Mapping[str, Any] = MappingProxyType({})) -> Judge:
    """What the task measures; `given` are the options that the suite gives (see `Judge.needs`).

    Raises:
        RecipeError: an unknown metric, option or filter, or an aggregation that is not the metric's own.
    """
    definition, file = task.definition, task.file
    where = file.where(("filter_list",))
    if definition.filter_list and definition.output_type != "generate_until":
        raise RecipeError(
            f"filters prepare what a model writes, and {definition.output_type} writes nothing", where=where,
            hint="remove filter_list",
        )  # fmt: skip
    pipelines = compiled(definition.filter_list, where=where)
    default = [Metric(metric=name) for name in DEFAULTS[definition.output_type]]
    kinds = []
    for number, asked in enumerate(definition.metric_list or default):
        where = file.where(("metric_list", number))
        kind = metric_kind(asked.metric, definition.output_type, where=where)
        _check(kind, asked, where)
        if kind.check is not None:
            kind.check(asked.options, definition, where)
        kinds.append((kind, asked.options | {name: given[name] for name in given if name == kind.needs}))
    measures = [Measure(kind, options, name) for name in pipelines for kind, options in kinds]
    return Judge(tuple(measures), pipelines)


def _check(kind: MetricKind, asked: Metric, where: str) -> None:
    for name, value in asked.options.items():
        if name not in kind.options:
            raise RecipeError(
                f"metric {kind.name!r}: unknown option {name!r}.{nearest(name, kind.options)}", where=where,
                hint=f"its options: {', '.join(kind.options) or 'none'}",
            )  # fmt: skip
        if not isinstance(value, kind.options[name]):
            raise RecipeError(f"metric {kind.name!r}: {name} cannot be {value!r}", where=where)
    known = (kind.statistic, kind.name, *AGGREGATIONS.get(kind.statistic, ()))
    if asked.aggregation is not None and asked.aggregation not in known:
        raise RecipeError(
            f"metric {kind.name!r} cannot be aggregated by {asked.aggregation!r}", where=where,
            hint=f"leave aggregation out; here it is {kind.statistic}",
        )  # fmt: skip
    if asked.higher_is_better is not None and asked.higher_is_better != kind.higher_is_better:
        better = {True: "higher", False: "lower", None: "neither higher nor lower"}[kind.higher_is_better]
        raise RecipeError(
            f"metric {kind.name!r}: higher_is_better is {asked.higher_is_better}, but {better} values are better",
            where=where, hint="leave higher_is_better out",
        )  # fmt: skip
