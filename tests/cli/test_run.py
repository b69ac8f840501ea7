"""What `run` tells of a step when it is done."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from ontogeny.cli.run import line_of
from ontogeny.core.errors import GateRefused, UsageError
from ontogeny.lineage.manifest import Verdict
from ontogeny.recipe.run import StepResult


def verdict(gate: str, *, passed: bool) -> Verdict:
    return Verdict(
        gate=gate, passed=passed, reason=f"{gate} is 3; not [2]", model_digest="m", suite_digest="s"
    )


def test_every_gate_that_refused_has_a_line() -> None:
    verdicts = (verdict("a", passed=False), verdict("b", passed=True), verdict("c", passed=False))
    artifact: Any = SimpleNamespace(
        name="r/report@1", manifest=SimpleNamespace(metrics={}, verdicts=verdicts)
    )
    refused = StepResult("report", "evaluate", "refused", cast(Any, artifact), 1.0, GateRefused("a; c"))
    lines = line_of(refused).split("\n")
    assert lines[1:] == ["  [red]a: a is 3; not [2][/red]", "  [red]c: c is 3; not [2][/red]"]


def test_an_error_says_where_and_what_to_do() -> None:
    failed = StepResult(
        "report", "evaluate", "failed", error=UsageError("not so", where="x.yaml", hint="do it")
    )
    assert line_of(failed).split("\n")[1:] == ["  [red]x.yaml: not so[/red]", "  [cyan]→[/cyan] do it"]
