"""From responses to scores, with the filters, metrics and options of a task file."""

from __future__ import annotations

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.answers import judge_of, labels_of
from ontogeny.tasks.build import build_items
from ontogeny.tasks.requests import Scored, Written
from tests.tasks.conftest import Write

WRITING = """
task: sums
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
doc_to_text: q
doc_to_target: a
"""
ROWS = [{"q": "1+1", "a": "Two!"}]


def test_exact_match_has_harness_options(write: Write) -> None:
    def matches(options: str, text: str) -> float:
        task = write(f"metric_list: [{{metric: exact_match{options}}}]", base=WRITING, rows=ROWS)
        judge = judge_of(task)
        (item,) = build_items(task).items
        ((_, summands),) = judge.judge(item, judge.answer([Written(text, "stop")])).values()
        return summands[0]

    assert matches("", "Two!") == 1.0 and matches("", "two!") == 0.0
    assert matches(", ignore_case: true", "two!") == 1.0
    assert matches(", ignore_punctuation: true", "Two") == 1.0
    assert matches(", ignore_numbers: true", "Two! 2") == 0.0
    assert matches(", ignore_numbers: true", "Two2!") == 1.0
    assert matches(", regexes_to_ignore: ['!', '^so ']", "so Two") == 1.0


def test_any_of_several_references_will_do(write: Write) -> None:
    task = write("", base=WRITING, rows=[{"q": "x", "a": ["one", "1"]}])
    judge = judge_of(task)
    (item,) = build_items(task).items
    assert item.references == ("one", "1")
    assert judge.judge(item, judge.answer([Written("1", "stop")]))["exact_match"][1] == (1.0, 1.0)


def test_each_pipeline_has_results_of_its_own(write: Write) -> None:
    filters = (
        "repeats: 3\nfilter_list:\n"
        "  - {name: first, filter: [{function: take_first}]}\n"
        "  - {name: vote, filter: [{function: majority_vote}]}\n"
        "  - {name: share, filter: [{function: take_first_k, k: 3}]}"
    )
    task = write(filters, base=WRITING, rows=ROWS)
    judge = judge_of(task)
    (item,) = build_items(task).items
    assert len(item.requests) == 3 and labels_of([task]) == tuple(
        f"exact_match,{name}" for name in ("first", "vote", "share")
    )
    found = judge.judge(item, judge.answer([Written(text, "stop") for text in ("no", "Two!", "Two!")]))
    assert [summands[0] for _, summands in found.values()] == [0.0, 1.0, pytest.approx(2 / 3)]


def test_defaults_by_kind_of_task(write: Write) -> None:
    assert labels_of([write()]) == ("acc", "acc_norm")
    assert labels_of([write("", base=WRITING, rows=ROWS)]) == ("exact_match",)
    assert labels_of([write("output_type: loglikelihood", base=WRITING, rows=ROWS)]) == ("perplexity", "acc")


def test_responses_become_an_answer(write: Write) -> None:
    scored = [Scored(-1.0, True, 2), Scored(-2.0, False, 2)]
    assert judge_of(write()).answer(scored).scored == tuple(scored)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("metric_list: [acurracy]", r"task.yaml:10: unknown metric 'acurracy'"),
        ("metric_list: [acc_nrom]", r"Did you mean 'acc_norm'"),
        (
            "metric_list: [word_perplexity]",
            r"metric 'word_perplexity' is for loglikelihood_rolling\n→ metrics of multiple",
        ),
        (
            "metric_list: [{metric: acc, ignore_case: true}]",
            r"metric 'acc': unknown option 'ignore_case'.\n→ its options: none",
        ),
        (
            "metric_list: [{metric: acc, aggregation: median}]",
            r"metric 'acc' cannot be aggregated by 'median'",
        ),
        ("metric_list: [{metric: acc, higher_is_better: false}]", r"higher values are better"),
        ("filter_list: [{name: a, filter: [{function: take_first}]}]", r"multiple_choice writes nothing"),
    ],
)
def test_what_cannot_be_measured_is_refused(write: Write, changes: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        judge_of(write(changes))


def test_options_have_types(write: Write) -> None:
    task = write("metric_list: [{metric: exact_match, ignore_case: maybe}]", base=WRITING, rows=ROWS)
    with pytest.raises(RecipeError, match="ignore_case cannot be 'maybe'"):
        judge_of(task)
    harness = write(
        "metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]",
        base=WRITING,
        rows=ROWS,
    )
    assert judge_of(harness).measures[0].options == {}
