"""Tables of evaluations fit a terminal of 80 columns and end in words."""

from __future__ import annotations

import pytest

from ontogeny.cli.evaluation_tables import MOST_ROWS, print_comparisons, print_results
from tests.evaluate.records import BASELINE, MODEL, compared, comparison, record, result, suite

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


def test_long_names_fit_the_columns_that_there_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    part = "blimp/blimp_determiner_noun_agreement_irregular_1"
    grouped = suite(
        "blimp", figures={"chance": 0.5, "chance/blimp_determiner_noun_agreement_irregular_1": 0.25}
    )
    results = (result("blimp", metric="exact_match,strict-match"), result("blimp"), result(part, n=10))
    print_results(record(suites=(grouped,), results=results))
    lines = printed(capsys)
    assert max(map(len, lines)) <= 80
    (line,) = [line for line in lines if line.startswith("blimp/")]
    assert line.split()[0].endswith(("/", "_"))
    assert line.split()[-5:] == ["50.0%", "[46.0,", "54.0]", "25.0%", "10"], "what guessing makes of the part"


def test_a_part_that_has_all_items_is_not_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    flawed = comparison("quiz/typos")
    results = (result(), result("quiz/only"), result("quiz/some", n=20), result("quiz/typos"))
    print_results(record(results=results, robustness=(flawed,)))
    tasks = [line.split()[0] for line in printed(capsys)[3:-2]]
    assert tasks == ["quiz", "quiz/some", "quiz/typos"]


def test_forms_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(record(results=(result(), result(metric="acc[plain]"))))
    assert any("acc[plain]" in line for line in printed(capsys))


def test_what_is_not_known_leaves_no_empty_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(record(suites=(suite(figures={}),), results=(result(ci95=None, stderr=None),)))
    lines = printed(capsys)
    assert "to beat" not in lines[1]
    assert lines[3].split() == ["quiz", "acc", "50.0%", "–", "600"]


def test_other_models_are_not_in_the_table_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(record(results=(result(), result(value=0.123, model="xz -9e"))))
    assert not any("12.3" in line for line in printed(capsys))


def test_of_many_results_those_that_stand_for_a_suite(capsys: pytest.CaptureFixture[str]) -> None:
    parts = tuple(result(f"quiz/part{number}", n=15) for number in range(MOST_ROWS))
    print_results(record(results=(result(), *parts)))
    out, err = capsys.readouterr()
    assert "quiz" in out and "part7" not in out
    assert "the report has all metrics and parts" in err


def test_comparisons_fit_a_terminal_and_end_in_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    print_comparisons(compared("better", "undecided"))
    lines = printed(capsys)
    assert max(map(len, lines[:-2])) <= 80
    assert lines[1].split()[:5] == ["task", "metric", "tutor", "base", "difference"]
    assert lines[3].split()[2:] == ["60.0%", "50.0%", "+10.0", "[5.0,", "15.0]", "better"]
    assert lines[-2:] == [
        "task0, acc: better: +10.0 points, p = 0.0010",
        "task1, acc: undecided: these 600 items could only have told a difference of ±7.0 points",
    ]
    assert MODEL not in lines[1], "short names tell them apart"


def test_a_narrow_terminal_keeps_differences_and_verdicts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "64")
    rows = (comparison("summaries", metric="word_perplexity", a=1234.5, ci95=None, detectable=None),)
    print_comparisons(record(baseline=BASELINE, comparisons=rows))
    lines = printed(capsys)
    assert max(map(len, lines)) <= 64
    header = " ".join(lines[:3])
    assert "difference" in header and "verdict" in header and "base" not in header
