"""The step `evaluate`: score a model on suites, compare it with a baseline, decide gates, write the report.

An evaluation is published whatever its gates decide: the verdicts say what they hold back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ontogeny.core.errors import UsageError, placed
from ontogeny.core.remote import AnyPath
from ontogeny.evaluate.config import EvaluateConfig
from ontogeny.evaluate.suites import LmEvalSuite, Suite, TaskSuite
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Step

if TYPE_CHECKING:
    from ontogeny.evaluate.contamination import Lineage
    from ontogeny.evaluate.judge import Judge
    from ontogeny.evaluate.record import EvaluationRecord
    from ontogeny.evaluate.runner import Assignment, Rival
    from ontogeny.evaluate.subject import Subject

REPORT_FILE = "report.html"


def run(config: EvaluateConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Evaluate and publish `results.json`, `items.parquet`, `results.jsonl` and `report.html`."""
    from ontogeny.evaluate.gate import decide_all
    from ontogeny.evaluate.provenance import made_here
    from ontogeny.evaluate.record import record_of, rows_of, write_record
    from ontogeny.evaluate.report import evaluation_page
    from ontogeny.evaluate.runner import evaluate
    from ontogeny.evaluate.subject import Subject, snapshots_of

    _check_judges(config, inputs)
    opponents = {
        gate.name: Subject.of(inputs[role])
        for number, gate in enumerate(config.gates)
        if (role := f"gates.{number}.{gate.opponent_role}") in inputs
    }
    evaluation = evaluate(
        [Subject.of(one) for one in _in_role(inputs, "model")],
        _assignments(config, inputs),
        baseline=[Subject.of(one) for one in _in_role(inputs, "baseline")] or None,
        rivals=_rivals(config, opponents),
        snapshots=snapshots_of(inputs["model"]) if config.checkpoints else {},
        device=context.device,
        seed=context.seed,
        limit=context.limit,
        scratch=context.scratch,
        cache=context.cache,
        lineage=_lineage(config, inputs),
        progress=context.progress,
    )
    verdicts = decide_all(config.gates, evaluation, opponents)
    made = made_here(device=context.device, seed=context.seed)
    record, rows = record_of(evaluation, verdicts, made), rows_of(evaluation)
    write_record(context.payload, record, rows)
    evaluation_page(record, rows, seed=context.seed).write(context.payload / REPORT_FILE)
    return Outputs(metrics=_metrics(record), verdicts=verdicts)


def _lineage(config: EvaluateConfig, inputs: Mapping[str, Artifact]) -> Lineage | None:
    """What the models have learnt from; None where it is not to be searched."""
    from ontogeny.evaluate.contamination import Lineage
    from ontogeny.lineage.reads import Reads

    if config.contamination_bytes == 0:
        return None
    models = {one.name: one for role, one in inputs.items() if not role.startswith("suites.")}
    reads = {name: Reads.of(one) for name, one in models.items()}
    return Lineage(reads, config.contamination_bytes)


def _check_judges(config: EvaluateConfig, inputs: Mapping[str, Artifact]) -> None:
    """See to it that no judge is kin to a model that it judges.

    Raises:
        UsageError: one has an ancestor in common with either; says which.
    """
    from ontogeny.lineage.reads import Reads

    for position in range(len(config.suites)):
        if (judge := inputs.get(f"suites.{position}.judge.model")) is None:
            continue
        for judged in (inputs["model"], inputs["baseline"]):
            if (shared := Reads.of(judge).kin(Reads.of(judged))) is not None:
                raise UsageError(
                    f"{judge.name} may not judge {judged.name}: both come from {shared}, and models prefer what their "
                    "own kind writes",
                    where=f"suites.{position}.judge", hint="name a judge of another origin",
                )  # fmt: skip


def _in_role(inputs: Mapping[str, Artifact], role: str) -> list[Artifact]:
    """The artifact of a role, or those of a list."""
    return [artifact for name, artifact in inputs.items() if name == role or name.startswith(f"{role}.")]


def _rivals(config: EvaluateConfig, opponents: Mapping[str, Subject]) -> list[Rival]:
    """The models that gates name, each once, with the suites that they are asked for it."""
    from ontogeny.evaluate.runner import Rival

    named = {subject.name: subject for subject in opponents.values()}
    suites: dict[str, set[str]] = {name: set() for name in named}
    for gate in config.gates:
        if gate.name in opponents:
            suites[opponents[gate.name].name].add(gate.suite)
    return [Rival(subject, frozenset(suites[name])) for name, subject in named.items()]


def _assignments(config: EvaluateConfig, inputs: Mapping[str, Artifact]) -> list[Assignment]:
    from ontogeny.evaluate import harness, task
    from ontogeny.evaluate.runner import Assignment, Source

    assignments = []
    for position, suite in enumerate(config.suites):
        artifact = inputs.get(f"suites.{position}.data")
        source = Source(artifact.path, artifact.name, artifact.digest) if artifact else None
        if isinstance(suite, TaskSuite):
            source = Source(suite.data_root or Path(), suite.task, task.digest_of(suite))
        if isinstance(suite, LmEvalSuite):
            source = Source(suite.include_path or Path(), ", ".join(suite.tasks), harness.digest_of(suite))
        named = inputs.get(f"suites.{position}.classifier")
        assignments.append(
            Assignment(suite, source, named.path if named else None, _judge_of(suite, position, inputs))
        )
    return assignments


def _judge_of(suite: Suite, position: int, inputs: Mapping[str, Artifact]) -> Judge | None:
    from ontogeny.evaluate.judge import Judge
    from ontogeny.evaluate.subject import Subject

    if not isinstance(suite, TaskSuite) or suite.judge is None:
        return None
    return Judge(Subject.of(inputs[f"suites.{position}.judge.model"]), suite.judge.criterion)


def task_files(config: EvaluateConfig) -> list[AnyPath]:
    """The files of its tasks: their definitions and their data.

    Raises:
        UsageError: data, or a folder of them, that is not there; says which, and where to get it.
    """
    from ontogeny.evaluate import harness, task

    read: set[AnyPath] = set()
    for number, suite in enumerate(config.suites):
        if isinstance(suite, TaskSuite):
            with placed("suites", number, "task"):
                read |= set(task.files_of(suite))
        if isinstance(suite, LmEvalSuite):
            with placed("suites", number, "include_path"):
                read |= set(harness.files_of(suite))
    return sorted(read)


def _metrics(record: EvaluationRecord) -> dict[str, object]:
    """What the manifest keeps: all results and comparisons, and the first suite of each type as a plain number."""
    dumped = record.model_dump(mode="json")
    metrics: dict[str, object] = {"results": dumped["results"], "comparisons": dumped["comparisons"]}
    if record.curves:
        metrics["curves"] = dumped["curves"]
    for suite in record.suites:
        name = {"bits-per-byte": "bits_per_byte", "multiple-choice": "accuracy"}.get(suite.type)
        result = record.primary_result(suite, record.model)
        if name is not None and result is not None:
            metrics.setdefault(name, result.value)
    return metrics


EVALUATE = Step(
    name="evaluate",
    version=4,
    config=EvaluateConfig,
    output="evaluation",
    run=run,
    external_files=task_files,
    summary=("accuracy", "bits_per_byte"),
    limited=True,
)
