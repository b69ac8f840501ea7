"""Tables of evaluations fit a terminal of 80 columns and end in words."""

from __future__ import annotations

import pytest

from ontogeny.cli.evaluation_tables import MOST_ROWS, print_comparisons, print_results
from tests.evaluate.records import MODEL, compared, record, result, suite

NAMES = ("hellaswag", "commonsense_qa", "truthfulqa_mc1", "arc_challenge")


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_results_fit_a_terminal_and_say_what_to_beat(capsys: pytest.CaptureFixture[str]) -> None:
    results = tuple(result(name, metric=metric) for name in NAMES for metric in ("acc", "acc_norm"))
    print_results(record(suites=tuple(map(suite, NAMES)), results=results))
    lines = printed(capsys)
    assert max(map(len, lines[:-1])) <= 80
    (line,) = [line for line in lines if line.split()[:2] == ["arc_challenge", "acc"]]
    assert line.split()[2:] == ["50.0%", "[46.0,", "54.0]", "25.0%", "600"]
    assert lines[-1] == "Better than guessing on all 4 tasks with choices."


def test_other_models_are_not_in_the_table_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(record(results=(result(), result(value=0.123, model="xz -9e"))))
    assert not any("12.3" in line for line in printed(capsys))


def test_of_many_results_those_that_stand_for_a_suite(capsys: pytest.CaptureFixture[str]) -> None:
    parts = tuple(result(f"quiz/part{number}") for number in range(MOST_ROWS))
    print_results(record(results=(result(), *parts)))
    out, err = capsys.readouterr()
    assert "quiz" in out and "part7" not in out
    assert "the report has all metrics and parts" in err


def test_comparisons_fit_a_terminal_and_end_in_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    print_comparisons(compared("better", "undecided"))
    lines = printed(capsys)
    assert max(map(len, lines[:-2])) <= 80
    assert lines[1].split()[:4] == ["task", "metric", "tutor", "base"]
    assert lines[-2:] == [
        "task0, acc: better: +10.0 points, p = 0.0010",
        "task1, acc: undecided: these 600 items could only have told a difference of ±7.0 points",
    ]
    assert MODEL not in lines[1], "short names tell them apart"
