"""pass@k: the estimator, the programs that are put together, and what is refused before anything is asked."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest

from ontogeny.core.errors import DataError, RecipeError, UsageError
from ontogeny.tasks import isolated_run
from ontogeny.tasks.answers import judge_of, labels_of
from ontogeny.tasks.build import build_items
from ontogeny.tasks.catalogue import find_tasks
from ontogeny.tasks.isolated_run import ENDINGS, Ended, Limits, check_isolation
from ontogeny.tasks.metrics import code
from ontogeny.tasks.metrics.code import pass_at_k
from ontogeny.tasks.requests import Written
from tests.tasks.conftest import Write

DATA = Path(__file__).parents[4] / "shared" / "data"
ROWS = [{"prompt": "def one():\n", "test": "assert one() == 1", "answer": "mine"}]
TASK = """
task: code
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
doc_to_text: prompt
doc_to_target: test
repeats: 4
generation_kwargs: {temperature: 0.8}
"""
METRICS = """
metric_list:
  - {metric: pass@k, k: [1, 2], program: "{{prompt}}{{output}}\\n{{reference}}"}
  - {metric: code_failures, program: "{{prompt}}{{output}}\\n{{reference}}"}
"""


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing is run: `return 1` passes, others end as they say. Gives the programs."""
    programs: list[str] = []

    def run(asked: Sequence[str], limits: Limits) -> list[Ended]:
        programs.extend(asked)
        return [
            Ended("passed" if "return 1" in one else next((e for e in ENDINGS if e in one), "error"))
            for one in asked
        ]

    monkeypatch.setattr(code, "run_all_isolated", run)
    monkeypatch.setattr(code, "check_isolation", lambda: None)
    code._run.cache_clear()
    return programs


@pytest.mark.parametrize(
    ("n", "passed", "k"),
    [(n, passed, k) for n in (1, 4, 6) for passed in range(n + 1) for k in range(1, n + 1)],
)
def test_the_estimate_is_the_share_of_draws_in_which_one_passes(n: int, passed: int, k: int) -> None:
    draws = itertools.combinations(range(n), k)
    assert pass_at_k(n, passed, k) == pytest.approx(
        statistics.mean(min(draw) < passed for draw in draws), abs=1e-12
    )


def test_every_repeat_counts_and_failures_are_told_apart(write: Write, pretended: list[str]) -> None:
    task = write(METRICS, base=TASK, rows=ROWS)
    judge = judge_of(task)
    (item,) = build_items(task).items
    texts = ["  return 1", "  return 2 # assertion", "  syntax", "  return 1"]
    found = judge.judge(item, judge.answer([Written(text, "stop") for text in texts]))
    assert list(found) == list(labels_of([task]))
    values = {name: summands for name, (_, summands) in found.items()}
    assert values["pass@1"] == (0.5, 1.0) and values["pass@2"] == pytest.approx((5 / 6, 1.0))
    assert values["failed_assertion"] == values["failed_syntax"] == (0.25, 1.0)
    assert values["failed_timeout"] == (0.0, 1.0)
    assert pretended == [f"def one():\n{text}\nassert one() == 1" for text in texts]  # both metrics, run once
    assert not found["failed_syntax"][0].higher_is_better


def test_by_default_the_output_is_the_program_and_the_target_its_test(
    write: Write, pretended: list[str]
) -> None:
    task = write("metric_list: [pass@k]", base=TASK, rows=ROWS)
    judge = judge_of(task)
    (item,) = build_items(task).items
    judge.judge(item, judge.answer([Written("x", "stop")]))
    assert pretended == ["x\nassert one() == 1"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("metric_list: [{metric: pass@k, k: 0}]", "k is 0\n→ give a count"),
        ("metric_list: [{metric: pass@k, k: []}]", r"k is \[\]"),
        ("metric_list: [{metric: pass@k, k: [1, x]}]", r"k is \[1, 'x'\]"),
        (
            "metric_list: [{metric: pass@k, k: 8}]",
            "pass@8 needs 8 outputs of each item, and repeats is 4\n→ write `repeats: 8`",
        ),
        ("metric_list: [pass@k]\ngeneration_kwargs: {}", "at temperature 0 the 4 repeats are one text"),
        ("metric_list: [{metric: code_failures, cpu_s: 0}]", "cpu_s is 0\n→ give whole seconds"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    changes: str, message: str, write: Write, pretended: list[str]
) -> None:
    with pytest.raises(RecipeError, match=rf"task\.yaml:\d+: .*{message}"):
        judge_of(write(changes, base=TASK, rows=ROWS))


def test_a_template_that_fails_is_a_mistake_of_the_task(write: Write, pretended: list[str]) -> None:
    task = write("metric_list: [{metric: pass@k, program: '{{outputs}}'}]", base=TASK, rows=ROWS)
    (item,) = build_items(task).items
    with pytest.raises(
        RecipeError, match=r"option program: line 1, column 3: .*no field 'outputs'.*Did you mean 'output'"
    ):
        judge_of(task).judge(item, judge_of(task).answer([Written("x", "stop")]))


def test_filters_that_leave_too_few_outputs_are_told(write: Write, pretended: list[str]) -> None:
    filters = "filter_list: [{name: first, filter: [{function: take_first}]}]"
    task = write(f"{METRICS}{filters}", base=TASK, rows=ROWS)
    (item,) = build_items(task).items
    with pytest.raises(DataError, match="pass@2 needs 2 outputs, and the filters leave 1"):
        judge_of(task).judge(item, judge_of(task).answer([Written("x", "stop")] * 4))


def test_without_isolation_the_task_is_refused_before_anything_is_asked(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated_run.sys, "platform", "win32")
    check_isolation.cache_clear()
    with pytest.raises(UsageError, match="cannot be isolated here, and is not run otherwise"):
        judge_of(write("metric_list: [pass@k]", base=TASK, rows=ROWS))


@pytest.mark.skipif(not (DATA / "humaneval").is_dir(), reason="needs ../shared/data")
def test_the_solutions_of_humaneval_pass_and_others_do_not() -> None:
    try:
        check_isolation()
    except UsageError as refused:
        pytest.skip(str(refused))
    (task,) = find_tasks("humaneval", root=DATA).tasks
    judge = judge_of(task)
    for item in build_items(task, n=4).items:
        for text, passed in ((item.document["canonical_solution"], 1.0), ("    pass\n", 0.0)):
            found = judge.judge(item, judge.answer([Written(text, "stop")]))
            assert found["pass@1"][1] == (passed, 1.0)
