"""The figures in README.md are those of the result files, beside their goals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figure_table import Result, Row, at_least, at_most, fewer, interval, spread
from benchmarks.figures import BEGIN, END, NOTHING_YET, README, TABLES, render, with_figures
from benchmarks.measure import RESULTS
from ontogeny.finetune.baselines import LINEAR

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
        f"{ours}, taken": 0.51,
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


def test_a_tuned_classifier_stands_beside_the_linear_model_and_the_base_that_was_shown_most(
    tmp_path: Path,
) -> None:
    everyone = {
        "fine-tuned": (0.94, 0.02),
        LINEAR: (0.884, 0.05),
        "the base, zero-shot (sum)": (0.5, 0.2),
        "the base, 8-shot (sum)": (0.4, 0.2),
        "the base, 8-shot (per byte)": (0.45, 0.2),
    }
    figures = {
        "everyone": {
            name: {"examples": 500, "accuracy": right, "interval": [0.3, 0.96], "calibration_error": error}
            for name, (right, error) in everyone.items()
        },
        "fine-tuned against": {
            name: {"difference": 0.94 - right, "p_value": 0.03, "verdict": "better"}
            for name, (right, _) in everyone.items()
        },
        "calibration error before": 0.05,
        "tokens": 114_000.0,
        "seconds": 900.0,
    }
    settings = {"about": "TREC", "goal": "better", "threads": 1}
    (tmp_path / "finetune_accuracy_trec.json").write_text(record(figures, settings=settings))
    linear, base, error, minutes = rows_of(tmp_path)
    assert linear[2:] == [
        "TF-IDF, logistic regression 88.4% (30.0% to 96.0%), 500 texts",
        "+5.6 points (p = 0.03)",
        "114,000 tokens learnt from",
        "significantly above: met",
    ]
    assert base[:2] == ["", ""]
    assert base[2].startswith("the base, 8-shot (per byte) 45.0%")
    assert error[1:3] == ["0.020", "without temperature 0.050"]
    assert (minutes[1], minutes[4:]) == ("15", ["1 thread", "at most 30: met"])


def test_a_spam_filter_may_be_a_little_behind_the_linear_model(tmp_path: Path) -> None:
    said = {"examples": 1000, "accuracy": 0.98, "interval": [0.97, 0.99], "calibration_error": 0.01}
    figures = {
        "everyone": {"fine-tuned": said, LINEAR: said},
        "fine-tuned against": {LINEAR: {"difference": -0.004, "p_value": 0.3, "verdict": "undecided"}},
    }
    (tmp_path / "finetune_accuracy_sms.json").write_text(record(figures, settings={"goal": "not behind"}))
    linear, _ = rows_of(tmp_path)
    assert linear[-1] == "at most 0.5 points below: met"


def test_an_assistant_answers_better_and_has_not_forgotten(tmp_path: Path) -> None:
    figures = {
        "held-out loss on answers": {"before": 1.3, "after": 0.8, "change": -0.385},
        "general bits per byte": {"before": 1.0, "after": 1.03, "change": 0.03},
    }
    settings = {"about": "GSM8K", "goal": 0.25}
    (tmp_path / "finetune_accuracy_gsm8k.json").write_text(record(figures, settings=settings))
    answers, general = rows_of(tmp_path)
    assert answers[1:4] == ["0.800", "the base 1.300", "-38.5%"]
    assert answers[-1] == "at least 25% below: met"
    assert general[-1] == "at most 2% worse: **missed**"


def test_tuning_stands_beside_what_peers_do_by_default_and_what_may_be_faster(tmp_path: Path) -> None:
    def tuned(rate: float, peak_bytes: int) -> dict[str, Any]:
        return {"tokens_per_second": middle(rate), "peak_bytes": peak_bytes}

    figures = {
        "instruct": {
            "ontogeny": tuned(190.0, 2_600_000_000),
            "trl": tuned(75.0, 5_200_000_000),
            "trl_wrapped": tuned(110.0, 5_000_000_000),
            "speed relative to trl": middle(2.5),
            "speed relative to trl_wrapped": middle(1.7),
            "memory relative to trl": 0.5,
            "memory relative to trl_wrapped": 0.52,
            "goals": {"speed relative to trl": 2.0, "memory relative to trl": 0.6},
        }
    }
    (tmp_path / "finetune_speed.json").write_text(record(figures))
    first, second, memory, other = rows_of(tmp_path)
    assert first[1] == "190.0 (189.9 to 190.1; n = 5)"
    assert first[2].startswith("TRL's SFTTrainer, packing 75.0")
    assert first[3:] == [
        "2.50 times (95%: 2.45 to 2.55; n = 5) as fast",
        "SmolLM2-135M, GSM8K",
        "at least 2 times: met",
    ]
    assert (second[:2], second[-1]) == (["", ""], "")
    assert memory[1:4] == ["2,600 MB", "TRL's SFTTrainer, packing 5,200 MB", "0.50 of it"]
    assert (memory[-1], other[3], other[-1]) == ("at most 0.6: met", "0.52 of it", "")


def test_a_base_in_codes_takes_half_the_memory_and_learns_as_much(tmp_path: Path) -> None:
    def base(share: float, above: float) -> dict[str, float]:
        return {
            "bytes of weights": 400e6 * share,
            "weights, share of float32's": share,
            "matrices, share of float32's": share / 2,
            "peak bytes": 1e9,
            "loss after": 0.8 * (1 + above),
            "loss after, above float32's": above,
        }

    figures = {
        "float32": base(1.0, 0.0),
        "int8": base(0.4, 0.002),
        "nf4": base(0.3, 0.02),
        "goals": {"weight memory, share of float32's": 0.5, "loss above float32's": 0.01},
    }
    (tmp_path / "qlora.json").write_text(record(figures))
    weights, peak, loss, *_, worse = rows_of(tmp_path)
    assert weights[1:4] == ["160 MB", "in float32 400 MB", "0.40 of it; matrices of layers 0.20"]
    assert weights[-1] == "at most half: met"
    assert peak[1] == "1,000 MB"
    assert loss[1:4] == ["0.8016", "in float32 0.8000", "+0.20%"]
    assert worse[-1] == "at most 1% above: **missed**"
