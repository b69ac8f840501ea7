"""The figures in README.md are those of the result files, beside their goals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figure_table import Result, Row, at_least, at_most, fewer, interval, spread
from benchmarks.figures import BEGIN, END, NOTHING_YET, README, TABLES, render, with_figures
from benchmarks.measure import RESULTS

DEMO = {
    "seconds": 300.0,
    "peak_bytes": 5_500_000_000,
    "second run, seconds": 2.0,
    "overhead of manifests and ledger, share": 0.004,
}
ROWS = {name: rows for table in TABLES.values() for name, rows in table.items()}


def record(figures: dict[str, Any], **more: Any) -> str:
    return json.dumps(
        {
            "command": "python -m benchmarks.demo",
            "date": "2030-01-02T03:04:05+00:00",
            "hardware": {"processor": "a processor", "cores": 2},
            "figures": figures,
            **more,
        }
    )


def rows_of(folder: Path) -> list[list[str]]:
    """The cells of every row of the tables over the results in `folder`."""
    lines = [line for line in render(folder).splitlines() if line.startswith("| ")]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if not line.startswith("| what")
    ]


def middle(value: float, n: int = 5) -> dict[str, Any]:
    """A summary, and the interval of a ratio, around `value`."""
    return {
        "n": n,
        "median": value,
        "quartiles": [value - 0.1, value + 0.1],
        "min": value - 0.2,
        "max": value + 0.2,
        "ci95": [value - 0.05, value + 0.05],
    }


def test_the_readme_shows_the_results_that_are_there() -> None:
    text = README.read_text()
    assert with_figures(text, render(RESULTS)) == text, "run: python -m benchmarks.figures --write"


def test_without_results_the_table_says_how_to_get_them(tmp_path: Path) -> None:
    assert render(tmp_path) == NOTHING_YET


def test_a_result_becomes_rows_with_goals_and_says_where_it_is_from(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(record(DEMO))
    first, second, *_ = rows_of(tmp_path)
    assert (first[0], first[1], first[-1]) == ("the demo, from nothing", "5.0 min", "at most 10 min: met")
    assert (second[1], second[-1]) == ("5,500 MB", "at most 4,000 MB: **missed**")
    assert (
        render(tmp_path).splitlines()[-1]
        == "- `python -m benchmarks.demo` (a processor, 2 cores, 2030-01-02)"
    )


def test_a_disturbed_measurement_says_so(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(record(DEMO, disturbed=True))
    assert "other programs were running" in render(tmp_path)


def test_only_the_part_between_the_markers_changes() -> None:
    assert with_figures(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\nnew\n{END}\nb"


def test_of_few_runs_all_are_told_and_no_quartiles() -> None:
    few = {"n": 2, "median": 2.0, "quartiles": [-3.0, 7.0], "min": 1.0, "max": 3.0, "ci95": [1.0, 3.0]}
    assert spread(few, ".1f") == "2.0 (all from 1.0 to 3.0; n = 2)"
    assert interval(few) == "2.00 times (n = 2)"
    enough = few | {"n": 4, "quartiles": [1.5, 2.5], "ci95": [1.2, 2.8]}
    assert spread(enough, ".1f") == "2.0 (1.5 to 2.5; n = 4)"
    assert interval(enough) == "2.00 times (95%: 1.20 to 2.80; n = 4)"


def test_what_takes_longer_is_told_as_more() -> None:
    assert fewer(54.24) == "54.2 times fewer CPU seconds"
    assert fewer(0.5, "seconds") == "2 times more seconds"


def test_a_goal_is_met_or_missed_and_there_is_none_without_a_figure() -> None:
    assert str(at_least(5, 5.0, " times")) == "at least 5 times: met"
    assert str(at_most(0.5, 0.51)) == "at most 0.5: **missed**"
    assert at_least(5, None) is None
    assert str(Row("speed", "7", input="8 MB")) == "| speed | 7 |  |  | 8 MB |  |"


@pytest.mark.parametrize("name", ROWS)
def test_a_figure_that_a_result_lacks_leaves_its_row_out(name: str) -> None:
    assert not [row for row in ROWS[name](Result({"figures": {}})) if row.ours is not None]


def test_memory_stands_beside_that_of_the_peer_over_the_same_input(tmp_path: Path) -> None:
    peaks = {"ours slice, 1 worker": 600_000_000, "peer jsonl": 900_000_000}
    figures = {"peak bytes, proportional": peaks, "input bytes": {"jsonl": 99_000_000, "slice": 30_000_000}}
    (tmp_path / "curate_end_to_end.json").write_text(record(figures))
    (row,) = rows_of(tmp_path)
    assert row[1:] == ["600 MB", "datatrove 900 MB", "0.67 of it", "30 MB", "at most 0.5: **missed**"]


def test_a_row_over_web_archives_says_of_what_they_are_and_that_the_extractors_differ(tmp_path: Path) -> None:
    figures = {
        "CPU seconds a MB, WARC to shards": {"ours": middle(0.4), "datatrove": middle(2.2)},
        "times fewer, WARC to shards (goal 5)": {"median": 5.5},
        "input bytes": {"warc": 30_000_000},
    }
    (tmp_path / "curate_end_to_end.json").write_text(record(figures, settings={"warc_copies": "80"}))
    (row,) = rows_of(tmp_path)
    assert row[0] == "WARC to shards, pages by resiliparse, CPU seconds a MB"
    assert row[2].startswith("datatrove, pages by trafilatura, 2.2")
    assert row[4:] == ["30 MB: a few archives, 80 copies of each", "at least 5 times: met"]


def test_what_is_found_in_documents_stands_beside_what_others_find(tmp_path: Path) -> None:
    pages = {"ontogeny fast": {"f_score": 0.93, "mb_per_second": 87.0}}
    pages["resiliparse"] = {"f_score": 0.9, "mb_per_second": 127.0}
    task = {"accuracy": 0.951, "calibration_error": 0.0145, "examples": 2490, "like": 20620, "unlike": 4163}
    learnt = {"toxic tweets": task, "toxic tweets by word list": {"accuracy": 0.838}}
    kinds = {"email": {"marked": 49, "precision": 1.0, "recall": 0.5}, "secret": {"marked": 0, "wrong": 0}}
    (tmp_path / "extraction.json").write_text(record(pages, settings={"pages": 181}))
    (tmp_path / "classifier_quality.json").write_text(record(learnt))
    (tmp_path / "pii_quality.json").write_text(record({"by kind": kinds, "marked sentences": 1500}))
    extraction, classifier, personal = rows_of(tmp_path)
    assert extraction[1:5] == ["0.930, 87", "resiliparse 0.900, 127", "", "181 pages with marked articles"]
    assert classifier[1:3] == ["95.1%, 0.015", "the list of toxic words 83.8%"]
    assert classifier[4] == "2,490 held out of 24,783"
    assert personal[1] == "email 1.0000 and 0.5000"


def contestant(rate: float, peak_bytes: int) -> dict[str, Any]:
    return {
        "tokens_per_second": middle(rate),
        "share_of_sgemm": middle(0.8),
        "peak_bytes": peak_bytes,
        "parameters": 17_000_000,
    }


def test_throughput_names_the_fastest_and_the_leanest_peer(tmp_path: Path) -> None:
    figures = {
        "ontogeny": contestant(1200.0, 1_400_000_000),
        "litgpt": contestant(1000.0, 2_800_000_000),
        "litgpt_compiled": contestant(1100.0, 2_900_000_000),
        "speed relative to litgpt": middle(1.2),
        "speed relative to litgpt_compiled": middle(1.02),
        "fastest peer": "litgpt_compiled",
        "leanest peer": "litgpt",
        "memory relative to the leanest peer": 0.5,
        "goals": {"share_of_sgemm": 0.78, "memory relative to the leanest peer": 0.7},
    }
    settings = {"job": {"vocab_size": 16384}}
    (tmp_path / "pretrain_throughput_10m-16k.json").write_text(record(figures, settings=settings))
    slower, fastest, share, memory = rows_of(tmp_path)
    assert (slower[1], fastest[:2]) == ("1,200 (1,200 to 1,200; n = 5)", ["", ""])
    assert (slower[3], slower[-1]) == ("1.20 times (95%: 1.15 to 1.25; n = 5) as fast", "")
    assert fastest[-1] == "faster than the fastest, beyond doubt: **missed**"
    assert share[-1] == "at least 0.78: met"
    assert memory[1:4] == ["1,400 MB", "litgpt, the leanest: 2,800 MB", "0.50 of it"]
    assert memory[-2:] == ["17M weights, vocabulary 16,384", "at most 0.7: met"]


def test_a_comparison_with_a_square_product_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "pretrain_throughput.json").write_text(
        record({"faster peer": "plain_gpt", "ontogeny": contestant(1, 1)})
    )
    assert render(tmp_path) == NOTHING_YET


def raced(times: list[float | None]) -> dict[str, Any]:
    mean = {"n": 3, "mean": 2.4, "min": 2.3, "max": 2.5}
    ours = "3m: ours planned for 0.50 of the time"
    return {
        "3m: baseline, bits per byte": mean,
        "3m: baseline, WikiText": mean,
        "3m: baseline, seconds": 600.0,
        f"{ours}, bits per byte": mean,
        f"{ours}, WikiText": mean,
        f"{ours}, share of the time to the baseline's loss": times,
        "goals": {"share of the baseline's time": 0.5, "stretch": 0.33},
    }


@pytest.mark.parametrize(
    ("times", "cell", "goal"),
    [
        ([0.4, 0.5, 0.45], "0.40, 0.50, 0.45", "at most 0.5: met"),
        ([0.4, 0.7, 0.6], "0.40, 0.70, 0.60", "at most 0.5: **missed**"),
        ([0.4, None, 0.3], "0.40, never, 0.30", "at most 0.5: **missed**"),
    ],
)
def test_the_race_tells_every_seed_and_a_run_that_never_got_there(
    tmp_path: Path, times: list[float | None], cell: str, goal: str
) -> None:
    (tmp_path / "time_to_loss.json").write_text(record(raced(times)))
    race, wiki = rows_of(tmp_path)
    assert (race[1], race[-1]) == (cell, goal)
    assert race[2] == "a tuned GPT-2 with AdamW: 600 s, 2.400 (2.300 to 2.500; n = 3) bits a byte"
    assert wiki[-1] == ""


def test_checkpoints_have_two_goals(tmp_path: Path) -> None:
    figures = {
        "share of training": 0.011,
        "seconds until a killed run is ready": middle(6.0, n=3),
        "bytes of a checkpoint": 360_000_000,
        "goals": {"share of training": 0.02, "seconds until ready": 5.0},
    }
    settings = {"every": "15.0", "size": "30m"}
    (tmp_path / "checkpoint_cost.json").write_text(record(figures, settings=settings))
    share, ready = rows_of(tmp_path)
    assert share[1:] == ["1.10%", "", "", "30M weights, 360 MB a checkpoint", "below 2%: met"]
    assert (ready[1], ready[-1]) == ("6.0 (all from 5.8 to 6.2; n = 3)", "below 5 s: **missed**")
