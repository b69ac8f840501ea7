"""Running a recipe: each step once, in order, resumed where a kill left it, its result published and recorded.

Independent branches go on when one fails. Two processes may run one recipe in one workspace: a lock per fingerprint
makes the second wait for the first's result and reuse it.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ontogeny.core import hardware
from ontogeny.core.errors import GateRefused, OntogenyError, UsageError, defect
from ontogeny.core.files import canonical_json, disk_errors
from ontogeny.core.progress import Progress, QuietProgress
from ontogeny.core.workers import Executor
from ontogeny.lineage.artifact import Artifact, record_files
from ontogeny.lineage.external import external_digests
from ontogeny.lineage.manifest import Manifest, Verdict
from ontogeny.lineage.scratch import PAYLOAD, STATE, begin, finish
from ontogeny.lineage.step import Context
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.cluster import Cluster
from ontogeny.recipe.describe import Made, describe, now
from ontogeny.recipe.launch import run_step
from ontogeny.recipe.plan import (
    Node,
    check_files,
    gather_inputs,
    make_plan,
    node_fingerprint,
    with_ancestors,
)
from ontogeny.recipe.schema import Recipe
from ontogeny.recipe.trainings import TRAININGS, check_here, check_trainings
from ontogeny.report.numbers import seconds, size

log = logging.getLogger(__name__)

Status = Literal["done", "reused", "failed", "skipped", "refused"]
EXIT_OF_STATUS: dict[Status, int] = {"done": 0, "reused": 0, "skipped": 0, "failed": 1, "refused": 3}


@dataclass(frozen=True)
class StepResult:
    """What became of a step. `error` is set where it failed, was refused or skipped."""

    name: str
    step: str
    status: Status
    artifact: Artifact | None = None
    seconds: float = 0.0
    error: OntogenyError | None = None

    def to_dict(self) -> dict[str, Any]:
        """The form that `ontogeny run --json` prints."""
        return {
            "step": self.step,
            "name": self.name,
            "status": self.status,
            "artifact": self.artifact.name if self.artifact else None,
            "seconds": round(self.seconds, 3),
            "metrics": self.artifact.manifest.metrics if self.artifact else {},
            **({"error": str(self.error)} if self.error else {}),
        }


@dataclass
class RunResult:
    """What became of a run, step by step."""

    recipe: str
    steps: list[StepResult] = field(default_factory=list)
    report: Path | None = None

    @property
    def status(self) -> Status:
        """`failed` if a step failed, else `refused` if a gate refused, else `done`."""
        statuses = {result.status for result in self.steps}
        return "failed" if "failed" in statuses else "refused" if "refused" in statuses else "done"

    @property
    def exit_code(self) -> int:
        """0 done, 2 a step met the user's mistake, 1 failed otherwise, 3 a gate refused."""
        failures = [result.error for result in self.steps if result.status == "failed" and result.error]
        return failures[0].exit_code if failures else EXIT_OF_STATUS[self.status]

    def to_dict(self) -> dict[str, Any]:
        """The form that `ontogeny run --json` prints."""
        return {
            "recipe": self.recipe,
            "status": self.status,
            "steps": [result.to_dict() for result in self.steps],
            "report": str(self.report) if self.report else None,
        }


@dataclass(frozen=True)
class RunOptions:
    """What a command says about a run beside the recipe. `rerun` names steps to compute even if reusable."""

    device: str = "cpu"
    workers: int | None = None
    executor: Executor = "local"
    limit: int | None = None
    rerun: frozenset[str] = frozenset()
    cluster: Cluster | None = None


def run_recipe(
    recipe: Recipe,
    nodes: Sequence[Node],
    selected: Sequence[Node],
    workspace: Workspace,
    *,
    options: RunOptions,
    progress: Progress | None = None,
    finished: Callable[[StepResult], None] = lambda result: None,
) -> RunResult:
    """Run `selected`, in the order of `nodes`; steps outside it serve as inputs where their result is there.

    `finished` is called after each step. The run itself becomes an entry of the ledger.

    Raises:
        OntogenyError: as `check_before_run` says; nothing has been computed then.
    """
    check_before_run(recipe, nodes, selected, workspace, options)
    workspace.prepare()
    runner = _Runner(recipe, workspace, options, progress or QuietProgress())
    result = RunResult(recipe.name)
    started = now()
    chosen = {node.name for node in selected}
    for node in with_ancestors(nodes, selected):
        outcome = runner.step(node, asked=node.name in chosen)
        if outcome is not None:
            result.steps.append(outcome)
            finished(outcome)
    with workspace.ledger.write() as writer:
        writer.append("run", _run_body(recipe, result, started))
    return result


def check_before_run(
    recipe: Recipe,
    nodes: Sequence[Node],
    selected: Sequence[Node],
    workspace: Workspace,
    options: RunOptions,
) -> None:
    """Refuse what can be told to fail before anything is computed.

    Raises:
        OntogenyError: a file that a selected step reads is missing, or a training's settings do not fit its model, its
            data or this machine.
    """
    check_files(selected, recipe)
    chosen = {node.name for node in selected if isinstance(node.config, TRAININGS)}
    if not chosen:
        return
    device = options.device
    planned = make_plan(
        with_ancestors(nodes, selected), workspace, device=device, limit=options.limit, rerun=options.rerun
    )
    to_run = [one for one in planned if one.node.name in chosen and one.status != "reused"]
    check_trainings(to_run, recipe, workspace, device=device)
    check_here(to_run, recipe, workspace, device=device, cluster=options.cluster)


class _Runner:
    """One pass over the nodes: what is made, what failed, what is held."""

    def __init__(self, recipe: Recipe, workspace: Workspace, options: RunOptions, progress: Progress) -> None:
        self._recipe, self._workspace, self._options, self._progress = recipe, workspace, options, progress
        self._made: dict[str, Artifact] = {}
        self._broken: set[str] = set()
        self._held: dict[str, Verdict] = {}

    def step(self, node: Node, *, asked: bool) -> StepResult | None:
        """Bring one node to its result; None for a node that was not asked for."""
        started = time.monotonic()
        try:
            result = self._attempt(node, asked=asked)
        except Exception as error:  # a defect in one step must not cost the other branches
            log.debug("%s failed", node.name, exc_info=error)
            told = error if isinstance(error, OntogenyError) else defect(error)
            result = StepResult(node.name, node.step.name, "failed", None, time.monotonic() - started, told)
        if not asked and result.status != "failed":
            return None
        if result.status in ("failed", "skipped"):
            self._broken.add(node.name)
        return result

    def _attempt(self, node: Node, *, asked: bool) -> StepResult:
        kind = node.step.name
        if broken := sorted(node.parents & self._broken):
            return StepResult(node.name, kind, "skipped", error=OntogenyError(f"{broken[0]} did not succeed"))
        if (verdict := self._held.get(node.name)) is not None:
            refusal = GateRefused(f"held back by the gate {verdict.gate}: {verdict.reason}")
            return StepResult(node.name, kind, "skipped", error=refusal)
        inputs = gather_inputs(node, self._made)
        if inputs is None:
            return self._without_inputs(node, asked=asked)
        started = time.monotonic()
        options = self._options
        key = node_fingerprint(node, inputs, self._workspace, device=options.device, limit=options.limit)
        artifact = None if node.name in options.rerun else self._workspace.reusable(key)
        status: Status = "reused"
        if artifact is None and not asked:
            return StepResult(node.name, kind, "skipped")
        if artifact is None:
            artifact, status = self._compute(node, inputs, key)
        self._made[node.name] = artifact
        return self._judged(StepResult(node.name, kind, status, artifact, time.monotonic() - started))

    def _without_inputs(self, node: Node, *, asked: bool) -> StepResult:
        if not asked:
            return StepResult(node.name, node.step.name, "skipped")
        missing = sorted(use.step for use in node.uses if use.step is not None and use.step not in self._made)
        raise UsageError(
            f"{node.name} needs {missing[0]}, which has no result that fits",
            hint=f"run it with `--until {node.name}`, which makes what it needs",
        )

    def _judged(self, result: StepResult) -> StepResult:
        """A refusal holds its steps back, fresh or reused."""
        assert result.artifact is not None
        refusals = [verdict for verdict in result.artifact.manifest.verdicts if not verdict.passed]
        if not refusals:
            return result
        for verdict in refusals:
            self._held |= dict.fromkeys(verdict.blocks, verdict)
        reasons = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in refusals)
        return StepResult(
            result.name, result.step, "refused", result.artifact, result.seconds, GateRefused(reasons)
        )

    def _compute(self, node: Node, inputs: Mapping[str, Artifact], key: str) -> tuple[Artifact, Status]:
        def waiting() -> None:
            self._progress.note(f"{node.name}: another run is computing this step; waiting for its result")

        options = self._options
        # Any number of processes goes on where another was stopped: scratch has the name it has with one.
        place = node_fingerprint(
            node, inputs, self._workspace, device=options.device, limit=options.limit, processes=1
        )
        with self._workspace.scratch(place, waiting=waiting) as scratch:
            if (
                node.name not in self._options.rerun
                and (artifact := self._workspace.reusable(key)) is not None
            ):
                return artifact, "reused"
            for artifact in inputs.values():
                artifact.check(content=True)
            if begin(scratch, recipe=self._recipe.name, step=node.name):
                self._tell_unfinished(node)
            artifact = self._build(node, inputs, key, scratch)
            finish(scratch)
            return artifact, "done"

    def _tell_unfinished(self, node: Node) -> None:
        """Whoever changed a setting and expects a run to go on learns that it begins anew, and what became of it."""
        others = self._workspace.unfinished(self._recipe.name, node.name)
        if not others:
            return
        one = len(others) == 1
        runs = "an unfinished run" if one else f"{len(others)} unfinished runs"
        stay, them = ("stays", "it") if one else ("stay", "them")
        age = seconds(max(0.0, time.time() - max(other.written for other in others)))
        self._progress.note(
            f"{node.name}: {runs} of this step, with other settings or inputs, {stay} in scratch"
            f" ({age} old, {size(sum(other.bytes for other in others))});"
            f" `ontogeny store gc --unfinished` removes {them}"
        )

    def _build(self, node: Node, inputs: Mapping[str, Artifact], key: str, scratch: Path) -> Artifact:
        payload = scratch / PAYLOAD
        with disk_errors(f"running {node.name}"):
            shutil.rmtree(payload, ignore_errors=True)
            payload.mkdir(exist_ok=True)
            kept = scratch / STATE
            kept.mkdir(exist_ok=True)
            options = self._options
            files = node.step.external_files(node.config)
            external = external_digests(files, self._workspace.root / "cache")
            context = Context(
                payload,
                kept,
                node.seed,
                options.device,
                self._progress,
                workers=options.workers,
                executor=options.executor,
                limit=options.limit,
                cache=self._workspace.root / "cache",
                external=external,
            )
            hardware.reset_peak_memory()
            started, clock = now(), time.monotonic()
            outputs = run_step(node.step, node.config, inputs, context, options.cluster)
            took = time.monotonic() - clock
        made = Made(started, outputs, took, record_files(payload))

        def describe_as(version: int, ledger_head: str) -> Manifest:
            return describe(
                self._recipe,
                node,
                inputs,
                made,
                version=version,
                ledger_head=ledger_head,
                fingerprint=key,
                external=external,
                device=options.device,
            )

        return self._workspace.publish(payload, describe_as, recipe=self._recipe.name, step=node.name)


def _run_body(recipe: Recipe, result: RunResult, started: str) -> dict[str, Any]:
    return {
        "recipe": recipe.name,
        "config": canonical_json(recipe.to_dict()).decode(),
        "started": started,
        "ended": now(),
        "status": result.status,
        "steps": [
            {"name": one.name, "status": one.status, "artifact": one.artifact.name if one.artifact else None}
            for one in result.steps
        ],
    }
