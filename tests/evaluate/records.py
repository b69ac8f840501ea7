"""Records of evaluations that were never run, so that each sentence and figure of a page can be asked for."""

from __future__ import annotations

from typing import Any

from ontogeny.evaluate.record import EvaluationRecord, SuiteRecord
from ontogeny.evaluate.scores import Comparison, ItemRow, Result, Verdict

MODEL, BASELINE = "r/tutor@1", "r/base@1"


def suite(name: str = "quiz", **changes: Any) -> SuiteRecord:
    fields: dict[str, Any] = {
        "name": name, "type": "task", "primary": "acc", "data": name, "digest": "blake3:d",
        "figures": {"chance": 0.25}, "forms": {MODEL: "plain", BASELINE: "plain"}, "counts": {},
    }  # fmt: skip
    return SuiteRecord(**(fields | changes))


def result(task: str = "quiz", value: float = 0.5, **changes: Any) -> Result:
    fields: dict[str, Any] = {
        "task": task, "metric": "acc", "model": MODEL, "form": "plain", "value": value, "stderr": 0.02,
        "ci95": (value - 0.04, value + 0.04), "n": 600, "groups": 600,
    }  # fmt: skip
    return Result(**(fields | changes))


def comparison(task: str = "quiz", verdict: Verdict = "better", **changes: Any) -> Comparison:
    difference = {"better": 0.1, "worse": -0.1, "undecided": 0.01}[verdict]
    p_value = 0.4 if verdict == "undecided" else 0.001
    fields: dict[str, Any] = {
        "task": task, "metric": "acc", "model_a": MODEL, "model_b": BASELINE, "form_a": "plain", "form_b": "plain",
        "a": 0.5 + difference, "b": 0.5, "difference": difference, "ci95": (difference - 0.05, difference + 0.05),
        "p_value": p_value, "test": "mcnemar-mid-p", "detectable": 0.07, "n": 600, "groups": 600,
        "p_adjusted": p_value, "verdict": verdict,
    }  # fmt: skip
    return Comparison(**(fields | changes))


def record(**changes: Any) -> EvaluationRecord:
    fields: dict[str, Any] = {
        "model": MODEL, "baseline": None, "limit": None, "suites": (suite(),), "results": (result(),),
        "comparisons": (), "verdicts": (),
    }  # fmt: skip
    return EvaluationRecord(**(fields | changes))


def compared(*verdicts: Verdict, **changes: Any) -> EvaluationRecord:
    """A model against a baseline on as many tasks."""
    names = [f"task{number}" for number in range(len(verdicts))]
    rows = [comparison(name, verdict) for name, verdict in zip(names, verdicts, strict=True)]
    results = [result(row.task, row.a) for row in rows]
    results += [result(row.task, row.b, model=BASELINE) for row in rows]
    return record(
        baseline=BASELINE, suites=tuple(map(suite, names)), results=tuple(results), comparisons=tuple(rows),
        **changes,
    )  # fmt: skip


def choice_row(item: str, probabilities: tuple[float, ...], gold: int = 0, **changes: Any) -> ItemRow:
    """A question whose choices have these probabilities."""
    from math import log

    chosen = probabilities.index(max(probabilities))
    fields: dict[str, Any] = {
        "suite": "quiz", "type": "task", "model": MODEL, "form": "plain", "item": item, "group": item,
        "prompt": f"What about {item} then?",
        "choices": tuple(f"choice {place}" for place in range(len(probabilities))),
        "gold": gold, "logprobs": tuple(log(each) - 3 for each in probabilities), "chosen": chosen,
        "correct": chosen == gold,
    }  # fmt: skip
    return ItemRow(**(fields | changes))
