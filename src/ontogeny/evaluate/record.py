"""An evaluation on disk: `results.json` with everything computed, `items.parquet` with everything observed.

`results.jsonl` has the same items once more, one JSON object a line, for whatever reads no Parquet.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from ontogeny.core.files import write_atomic, writing_atomic
from ontogeny.evaluate.provenance import Made, digests_of, settings_of
from ontogeny.evaluate.runner import Evaluation, untuned_in_chat
from ontogeny.evaluate.scores import Comparison, CurvePoint, ItemRow, Result, Scores, bare
from ontogeny.evaluate.suites import WITHOUT_METRICS
from ontogeny.evaluate.trust import Contamination, Judged, OrderEffects, Phrasings
from ontogeny.lineage.manifest import Verdict
from ontogeny.records.parts import write_single
from ontogeny.report import numbers

if TYPE_CHECKING:
    import pyarrow as pa

RESULTS_FILE = "results.json"
ITEMS_FILE = "items.parquet"
LINES_FILE = "results.jsonl"
SCHEMA_VERSION = 1
GUESSED = frozenset({"acc", "acc_norm", "acc_bytes", "acc_mutual_info"})
"""Metrics that take one choice an item, so that guessing has an accuracy."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SuiteRecord(_Record):
    """What was asked. `forms` and `counts` are by model: the form that counts, and what happened to items."""

    name: str
    type: str
    primary: str | None
    data: str | None
    digest: str
    figures: dict[str, float]
    forms: dict[str, str | None]
    counts: dict[str, dict[str, int]]
    task_digest: str | None = None
    """Of what is asked and how answers are judged."""
    data_digest: str | None = None
    """Of what it is asked about."""
    settings: dict[str, Any] = {}
    """As they were used, defaults included."""
    contamination: dict[str, Contamination] = {}
    """By model: what it has learnt from of the items."""
    order: dict[str, OrderEffects] = {}
    """By model: what the order of choices does, where rotations were asked."""
    phrasings: dict[str, Phrasings] = {}
    """By model: what the wording of the question does, where others were asked."""
    judged: Judged | None = None
    """What a judge made of the answers of the model and of the baseline."""
    untuned: tuple[str, ...] = ()
    """Models that it asks in chat though their lineage tells that they were never tuned to converse."""
    company: dict[str, float] = {}
    """By model: by how many nats a score differed where a request was computed alone, at most, of the few tried."""

    @property
    def chance(self) -> float | None:
        """What guessing would make of its primary metric, where that is an accuracy."""
        return self.chance_of(str(self.primary))

    def chance_of(self, metric: str, part: str = "") -> float | None:
        """What guessing would make of a metric, or of a part of the items; known of what takes one choice an item."""
        if bare(metric) not in GUESSED:
            return None
        return self.figures.get(f"chance/{part}" if part else "chance")

    def to_beat(self, metric: str, part: str = "") -> str | None:
        """What guessing gets right, or what xz -9e needs for a byte, in words; None where there is neither."""
        if not part and metric == self.primary and (xz := self.figures.get("xz_bits_per_byte")) is not None:
            return numbers.measure(xz)
        chance = self.chance_of(metric, part)
        return None if chance is None else numbers.percent(chance)


class Speed(_Record):
    """How long one model took for one suite, its weights already read."""

    suite: str
    model: str
    items: int
    seconds: float
    items_per_second: float


class EvaluationRecord(_Record):
    """The content of `results.json`."""

    schema_version: int = SCHEMA_VERSION
    model: str
    baseline: str | None
    limit: int | None
    suites: tuple[SuiteRecord, ...]
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    curves: tuple[CurvePoint, ...] = ()
    digests: dict[str, str] = {}
    """Of the models, by name."""
    made: Made | None = None
    speed: tuple[Speed, ...] = ()
    """Of what this run computed itself. The only part of the record that differs when it is made once more."""
    trainings: dict[str, tuple[str, ...]] = {}
    """What stands under a name that is of several trainings of one recipe."""
    robustness: tuple[Comparison, ...] = ()
    """Each model on items with flawed questions (`SUITE/typos`), less itself on the plain ones."""

    def shown(self, model: str) -> str:
        """The model whose items are shown for that name: itself, or the first of its trainings."""
        return self.trainings.get(model, (model,))[0]

    def to_beat(self, row: Result) -> str | None:
        """What a result has to beat, in words; None where that is not known."""
        name, _, part = row.task.partition("/")
        suite = next((one for one in self.suites if one.name == name), None)
        return suite.to_beat(row.metric, "" if self._is_variant(row.task) else part) if suite else None

    def repeats(self, row: Result) -> bool:
        """Whether it is of a part that has all items: the only task of a group, a slice that all belong to."""
        name, _, part = row.task.partition("/")
        if not part or self._is_variant(row.task):
            return False
        wanted = (name, row.metric, row.model, row.n)
        return any((one.task, one.metric, one.model, one.n) == wanted for one in self.results)

    def _is_variant(self, task: str) -> bool:
        """Whether it is of all items, asked otherwise."""
        return any(row.task == task for row in self.robustness)

    def primary_result(self, suite: SuiteRecord, model: str) -> Result | None:
        """The result that stands for a suite, of one model."""
        wanted = (suite.name, suite.primary, model)
        return next((row for row in self.results if (row.task, row.metric, row.model) == wanted), None)

    def primary_comparison(self, suite: SuiteRecord) -> Comparison | None:
        """The comparison with the baseline that stands for a suite."""
        found = self.primary_comparisons(suite)
        return next((row for row in found if row.model_b == self.baseline), None)

    def primary_comparisons(self, suite: SuiteRecord) -> list[Comparison]:
        """Those that stand for a suite: with the baseline, and with every model that a gate names."""
        wanted = (suite.name, suite.primary)
        return [row for row in self.comparisons if (row.task, row.metric) == wanted]


def record_of(
    evaluation: Evaluation, verdicts: Iterable[Verdict], made: Made | None = None
) -> EvaluationRecord:
    """What is kept of an evaluation."""
    suites = []
    for one in evaluation.assignments:
        scores = evaluation.scores[one.suite.name]
        task_digest, data_digest = digests_of(one)
        suites.append(
            SuiteRecord(
                name=one.suite.name,
                type=one.suite.type,
                primary=None if isinstance(one.suite, WITHOUT_METRICS) else one.suite.primary,
                data=one.source.name if one.source else None,
                digest=one.digest(evaluation.limit),
                figures=scores[evaluation.model.names[0]].figures,
                forms=dict(evaluation.forms[one.suite.name]),
                counts={model: found.counts for model, found in scores.items()},
                task_digest=task_digest,
                data_digest=data_digest,
                settings=settings_of(one.suite),
                untuned=untuned_in_chat(
                    one.suite, [subject for subject in evaluation.subjects if subject.name in scores]
                ),
                company=_known(scores, "company"),
                contamination=_known(scores, "contamination"),
                order=_known(scores, "order"),
                phrasings=_known(scores, "phrasings"),
                judged=scores[evaluation.model.names[0]].judged,
            )
        )
    sides = [one for one in (evaluation.model, evaluation.baseline) if one is not None]
    return EvaluationRecord(
        model=evaluation.model.name,
        baseline=evaluation.baseline.name if evaluation.baseline else None,
        limit=evaluation.limit,
        suites=tuple(suites),
        results=evaluation.results,
        comparisons=evaluation.comparisons,
        verdicts=tuple(verdicts),
        curves=evaluation.curves,
        robustness=evaluation.robustness,
        digests={one.name: one.digest for one in evaluation.subjects},
        made=made,
        speed=tuple(_speeds(evaluation)),
        trainings={side.name: side.names for side in sides if len(side.names) > 1},
    )


def _speeds(evaluation: Evaluation) -> Iterator[Speed]:
    for (suite, model), seconds in evaluation.seconds.items():
        items = len(evaluation.scores[suite][model].rows)
        yield Speed(
            suite=suite, model=model, items=items, seconds=round(seconds, 3),
            items_per_second=round(items / seconds, 3),
        )  # fmt: skip


def rows_of(evaluation: Evaluation) -> list[ItemRow]:
    """Every item of every suite as each model met it."""
    return [row for scores in evaluation.scores.values() for found in scores.values() for row in found.rows]


def write_record(folder: Path, record: EvaluationRecord, rows: Sequence[ItemRow]) -> None:
    """Write the three files into `folder`."""
    text = json.dumps(record.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(folder / RESULTS_FILE, text + "\n")
    write_single(folder / ITEMS_FILE, (row.model_dump(mode="json") for row in rows), items_schema())
    with writing_atomic(folder / LINES_FILE) as file:
        for row in rows:
            file.write(row.model_dump_json(exclude_none=True).encode() + b"\n")


def read_record(folder: Path) -> tuple[EvaluationRecord, list[ItemRow]]:
    """Read the record and the items of an `evaluation` payload."""
    import pyarrow.parquet as pq

    record = EvaluationRecord.model_validate_json((folder / RESULTS_FILE).read_bytes())
    return record, [ItemRow.model_validate(row) for row in pq.read_table(folder / ITEMS_FILE).to_pylist()]


def _known(scores: Mapping[str, Scores], name: str) -> dict[str, Any]:
    """What is known under that name of each model."""
    return {model: value for model, found in scores.items() if (value := getattr(found, name)) is not None}


def _spotted() -> pa.StructType:
    """`trust.Spotted`."""
    import pyarrow as pa

    told = [(name, pa.string()) for name in ("artifact", "document", "source", "verdict")]
    return pa.struct([*told, ("share", pa.float64()), ("answer", pa.bool_()), ("words", pa.string())])


@functools.cache
def items_schema() -> pa.Schema:
    """The columns of `items.parquet`, one for each field of `ItemRow`."""
    import pyarrow as pa

    string, number = pa.string(), pa.float64()
    return pa.schema(
        [
            *((name, string) for name in ("suite", "type", "model", "form", "item", "group", "prompt")),
            ("choices", pa.list_(string)),
            ("gold", pa.int64()),
            ("logprobs", pa.list_(number)),
            ("neutral_logprobs", pa.list_(number)),
            ("chosen", pa.int64()),
            ("correct", pa.bool_()),
            ("bits", number),
            ("bytes", pa.int64()),
            *((name, string) for name in ("output", "reference", "finish_reason", "task")),
            ("greedy", pa.list_(pa.bool_())),
            ("tokens", pa.list_(pa.int64())),
            ("outputs", pa.list_(string)),
            ("references", pa.list_(string)),
            ("seconds", number),
            ("scores", pa.list_(pa.struct([("metric", string), ("top", number), ("bottom", number)]))),
            ("contaminated", pa.bool_()),
            ("spotted", pa.list_(_spotted())),
            ("row", pa.int64()),
        ]
    )
