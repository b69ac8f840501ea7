"""The fine-tuning benchmark on a tiny model: what every contestant is given, our turns, and the figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contestants import Contestant
from benchmarks.finetune_speed import PEERS, PLANS, TINY, figures_of, write_random
from benchmarks.peers.finetune_job import FinetuneJob, job_of_arguments

EXAMPLES = {
    "instruct": [
        {"prompt": f"what is {number} and one", "answer": f"it is {number + 1}"} for number in range(12)
    ],
    "classify": [{"text": f"win {number} now", "label": ("ham", "spam")[number % 2]} for number in range(12)],
}


def job(folder: Path, task: str) -> FinetuneJob:
    path = folder / "examples.jsonl"
    path.write_text("".join(json.dumps(example) + "\n" for example in EXAMPLES[task]))
    (folder / "model").mkdir()
    write_random(TINY, [" ".join(example.values()) for example in EXAMPLES[task]], folder / "model")
    return FinetuneJob(
        str(folder / "model"),
        str(path),
        seq_len=64,
        rows=3,
        packed_rows=1,
        steps_a_turn=2,
        threads=1,
        variant=task,
    )


def test_a_job_is_read_back_from_its_arguments() -> None:
    whole = FinetuneJob("model", "examples.jsonl", 512, 9, 4, 1, 2, "bfd")
    assert job_of_arguments(whole.arguments()) == whole


@pytest.mark.parametrize("task", EXAMPLES)
def test_our_turn_is_so_many_steps_of_so_many_rows(tmp_path: Path, task: str) -> None:
    ours = Contestant(
        "ontogeny",
        python=Path(sys.executable),
        module="benchmarks.our_finetuning",
        arguments=job(tmp_path, task).arguments(),
    )
    turns = [ours.turn() for _ in range(2)]
    ours.stop()
    assert ours.facts["trainable_parameters"] < ours.facts["parameters"]
    for turn in turns:
        assert turn["examples"] == 6
        assert turn["tokens"] >= turn["supervised"] > 0
        assert turn["seconds"] > 0 < turn["cpu_seconds"]


def turn(tokens: int, seconds: float, peak_bytes: int) -> dict[str, Any]:
    return {"tokens": tokens, "supervised": 1, "seconds": seconds, "peak_bytes": peak_bytes}


def test_rates_are_compared_within_a_round_and_peaks_over_all() -> None:
    runs = [
        {
            "turns": {
                "ontogeny": turn(2000, slow * 10, 3 + number),
                **{name: turn(1900, slow * 19, 8) for name in PEERS["instruct"]},
            }
        }
        for number, slow in enumerate((1.0, 2.0, 4.0))
    ]
    figures = figures_of("instruct", runs)
    for peer in PEERS["instruct"]:
        assert figures[f"speed relative to {peer}"] == {"n": 3, "median": 2.0, "ci95": [2.0, 2.0]}
        assert figures[f"memory relative to {peer}"] == 5 / 8
    assert all(plan.task in PEERS for plan in PLANS.values())
