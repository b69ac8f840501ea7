"""Better than guessing is told as differences are: by a test, and with a price for many tasks."""

from __future__ import annotations

from ontogeny.evaluate.guessing import against_guessing
from ontogeny.evaluate.record import EvaluationRecord
from tests.evaluate.records import record, result, suite


def asked(*values: float, n: int, groups: int | None = None, stderr: float | None = 0.02) -> EvaluationRecord:
    names = [f"task{number}" for number in range(len(values))]
    results = [
        result(name, value, n=n, groups=groups or n, stderr=stderr)
        for name, value in zip(names, values, strict=True)
    ]
    return record(suites=tuple(map(suite, names)), results=tuple(results))


def told(found: EvaluationRecord) -> list[str]:
    return list(against_guessing(found).values())


def test_each_task_has_a_verdict() -> None:
    assert told(asked(0.5, 0.26, 0.1, n=600)) == ["better", "undecided", "worse"]


def test_what_stands_out_of_one_does_not_of_twenty() -> None:
    lucky = 0.36  # of 100 with chance 25%: p = 0.03
    assert told(asked(lucky, n=100)) == ["better"]
    assert told(asked(lucky, *[0.25] * 19, n=100)) == ["undecided"] * 20


def test_few_items_tell_nothing_however_right() -> None:
    assert told(asked(1.0, n=2)) == ["undecided"]
    assert told(asked(1.0, n=600, groups=2, stderr=0.0)) == ["undecided"], "two groups are two trials"
    assert told(asked(1.0, n=600, groups=1, stderr=None)) == ["undecided"]


def test_a_wide_clustered_error_counts() -> None:
    assert told(asked(0.35, n=600, groups=30, stderr=0.08)) == ["undecided"]


def test_metrics_without_a_chance_of_their_own_are_left_out() -> None:
    every = record(
        suites=(suite(primary="acc_all_rotations"), suite("f", primary="f1")),
        results=(result(metric="acc_all_rotations"), result("f", metric="f1")),
    )
    assert against_guessing(every) == {}
