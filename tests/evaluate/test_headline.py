"""The answer that stands first says what was found, and no more."""

from __future__ import annotations

import pytest

from ontogeny.evaluate.headline import headline
from ontogeny.lineage.manifest import Verdict
from tests.evaluate.records import BASELINE, compared, comparison, record, result, suite


def test_many_tasks_are_counted_by_verdict() -> None:
    found = headline(compared("better", "better", "worse", "undecided"))
    assert found.text == (
        "r/tutor@1 against r/base@1: better on 2 of 4 tasks (task0 and task1), worse on 1 (task2), "
        "undecided on 1."
    )
    assert found.tone == "plain", "better here and worse there is no plain good news"


@pytest.mark.parametrize(
    ("verdicts", "tone"),
    [
        (("better", "undecided"), "good"),
        (("worse", "undecided"), "bad"),
        (("undecided", "undecided"), "plain"),
    ],
)
def test_the_tone_follows_the_verdicts(verdicts: tuple[str, ...], tone: str) -> None:
    assert headline(compared(*verdicts)).tone == tone  # type: ignore[arg-type]


def test_a_single_task_is_told_with_its_figures() -> None:
    found = headline(compared("better"))
    assert found.text.startswith("r/tutor@1 against r/base@1 on task0, acc: better: +10.0 points, p = 0.0010")
    assert "95% interval of the difference [5.0, 15.0], n = 600." in found.text
    assert found.tone == "good"


def test_undecided_says_what_could_have_been_told() -> None:
    found = headline(compared("undecided"))
    assert "undecided: these 600 items could only have told a difference of ±7.0 points" in found.text


def test_other_opponents_than_the_baseline_do_not_count() -> None:
    rows = (comparison("quiz", "better", model_b="r/other@1"),)
    assert headline(record(comparisons=rows)).text.startswith("Better than guessing on 1 task with choices.")


def test_without_a_baseline_guessing_is_what_to_beat() -> None:
    suites = (suite("a"), suite("b"), suite("c", primary="f1", figures={}))
    results = (result("a", 0.5), result("b", 0.27), result("c", 0.4, metric="f1"))
    assert headline(record(suites=suites, results=results)).text == (
        "Better than guessing on 1 of 2 tasks with choices (a)."
    )
    assert (
        "Not shown to be better than guessing on 1 task with choices."
        in headline(record(suites=(suite("b"),), results=(result("b", 0.27),))).text
    )


def test_worse_than_guessing_is_said() -> None:
    results = (result("a", 0.5), result("b", 0.1))
    assert headline(record(suites=(suite("a"), suite("b")), results=results)).text == (
        "Better than guessing on 1 of 2 tasks with choices (a), worse on 1 (b)."
    )


def test_xz_is_what_to_beat_for_bits() -> None:
    bits = suite("text", type="bits-per-byte", primary="bits_per_byte", figures={"xz_bits_per_byte": 2.2})
    found = headline(record(suites=(bits,), results=(result("text", 2.4, metric="bits_per_byte"),)))
    assert found.text == "text: 2.400 bits per byte, no fewer than the 2.200 of xz -9e."


def test_nothing_to_compare_with_and_nothing_scored() -> None:
    plain = record(suites=(suite(figures={}),))
    assert headline(plain).text == "1 task measured, with nothing to compare with."
    assert headline(record(suites=(), results=())).text == "Nothing was scored: there are samples to read."


def test_refused_gates_and_a_cap_are_said() -> None:
    verdicts = [
        Verdict(gate=name, passed=name == "a", reason="so", model_digest="d", suite_digest="d")
        for name in "ab"
    ]
    found = headline(compared("better", "better", verdicts=tuple(verdicts), limit=1000))
    assert found.text.endswith("1 of 2 gates refused: b. At most 1,000 items a task were asked.")
    assert found.tone == "bad"
    passed = headline(compared("better", verdicts=(verdicts[0],)))
    assert passed.text.endswith("1 gate passed, none refused.")


def test_luck_with_one_of_many_tasks_is_not_told() -> None:
    names = [f"task{number}" for number in range(20)]
    lucky = tuple(
        result(name, 0.25 if number else 0.36, n=100, groups=100) for number, name in enumerate(names)
    )
    assert headline(record(suites=tuple(map(suite, names)), results=lucky)).text == (
        "Not shown to be better than guessing on any of 20 tasks with choices."
    )


def test_comparisons_without_an_interval_are_told_without() -> None:
    row = comparison(ci95=None, detectable=None, verdict="undecided")
    found = headline(record(baseline=BASELINE, comparisons=(row,)))
    assert "interval" not in found.text and found.text.endswith("n = 600.")
