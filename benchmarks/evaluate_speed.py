"""Claims: multiple choice at least 3 times as fast as lm-evaluation-harness's Hugging Face backend at about 70 tokens
of question and 16 of each of four choices, at least 4 times with examples (about 400 and 16), whole texts at least 1.2
times; in at most 0.6 of its memory.

A Llama of 30M random weights in float32, the same task file for both. Examples are drawn anew for each item, harness's
default, or the same for all (`first_n`, as MMLU has them). harness runs at the best of a few batch sizes, chosen before
the clock starts. Both stay loaded and take turns in an order drawn anew every round; compared are rates within a round.
Each job has processes of its own, whose peak resident memory is told.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contestants import Contestant, peer_python
from benchmarks.finetune_speed import TINY, write_random
from benchmarks.measure import Json, Neighbours, bootstrap_median, summary, write_result
from benchmarks.peers.evaluate_job import EvaluateJob
from ontogeny.core.seeds import numpy_generator

US, PEER = "ontogeny", "lm_eval"
SHAPE = {"d_model": 512, "n_layers": 8, "n_heads": 8, "d_ff": 1376, "vocab_size": 16384}
QUESTION_WORDS, CHOICE_WORDS, CHOICES, EXAMPLES = 58, 14, 4, 4  # about 70 and 16 tokens of this tokenizer
ROWS = 300
SAME_NUMBERS = 1e-4
CHOOSING = {
    "output_type": "multiple_choice", "doc_to_text": "question", "doc_to_choice": "choices", "doc_to_target": "gold",
    "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}], "training_split": "train",
}  # fmt: skip
READING = {
    "output_type": "loglikelihood_rolling", "doc_to_text": "", "doc_to_target": "{{text}}",
    "metric_list": [{"metric": "bits_per_byte"}],
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What is asked, and how much of it a turn."""

    definition: dict[str, Any]
    items: int
    goal: float


PLANS = {
    "zero-shot": Plan(CHOOSING, 32, 3.0),
    "few-shot": Plan(CHOOSING | {"num_fewshot": EXAMPLES}, 12, 4.0),
    "few-shot-fixed": Plan(
        CHOOSING | {"num_fewshot": EXAMPLES, "fewshot_config": {"sampler": "first_n"}}, 12, 4.0
    ),
    "rolling": Plan(READING, 5, 1.2),
}
MEMORY_GOAL = 0.6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder with wikitext-2-valid/")
    parser.add_argument("--jobs", nargs="+", choices=PLANS, default=list(PLANS))
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the order of turns")
    parser.add_argument("--trial", action="store_true", help="a tiny model, no result file")
    wanted = parser.parse_args()
    figures: dict[str, Json] = {}
    runs: dict[str, Json] = {}
    told: dict[str, Json] = {}
    with Neighbours() as neighbours, tempfile.TemporaryDirectory() as folder:
        write_everything(wanted.data, Path(folder), TINY if wanted.trial else SHAPE)
        for name in wanted.jobs:
            job = EvaluateJob(
                model=f"{folder}/model", tasks=f"{folder}/tasks", task=name, items=PLANS[name].items,
                threads=wanted.threads,
            )  # fmt: skip
            figures[name], runs[name], told[name] = measure(job, wanted.rounds, wanted.seed)
    write_result(
        "evaluate_speed",
        settings={
            "rounds": wanted.rounds,
            "threads": wanted.threads,
            "seed": wanted.seed,
            "dtype": "float32",
        },
        runs=runs,
        figures=figures,
        keep=not wanted.trial,
        contestants=told,
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


def write_everything(data: Path, folder: Path, shape: dict[str, int]) -> None:
    """The model, and the tasks with their data."""
    lines = (data / "wikitext-2-valid" / "valid.raw.txt").read_text().splitlines()
    paragraphs = [line.strip() for line in lines if len(line.split()) >= QUESTION_WORDS + CHOICE_WORDS]
    model, tasks = folder / "model", folder / "tasks"
    model.mkdir()
    tasks.mkdir()
    write_random(shape, lines, model)
    rows = list(questions(paragraphs))
    texts = [{"text": "\n".join(paragraphs[at : at + 4])} for at in range(0, len(paragraphs) - 4, 4)]
    for name, values in (("train", rows[ROWS:]), ("test", rows[:ROWS]), ("texts", texts)):
        (tasks / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in values))
    for name, plan in PLANS.items():
        reads = plan.definition["output_type"] == READING["output_type"]
        files = {"test": "texts"} if reads else {"train": "train", "test": "test"}
        kwargs = {"data_files": {split: str(tasks / f"{file}.jsonl") for split, file in files.items()}}
        definition = {"task": name, "dataset_path": "json", "dataset_kwargs": kwargs, "test_split": "test"}
        (tasks / f"{name}.yaml").write_text(json.dumps(definition | plan.definition))


def questions(paragraphs: Sequence[str]) -> Iterator[dict[str, Any]]:
    """How a paragraph goes on: as it does, or as one of three others does."""
    generator = numpy_generator(0, "questions")
    cut = [line.split()[: QUESTION_WORDS + CHOICE_WORDS] for line in paragraphs]
    ends = [" ".join(words[QUESTION_WORDS:]) for words in cut]
    for number, words in enumerate(cut):
        others = [one for one in generator.permutation(len(cut))[: CHOICES + 1] if ends[one] != ends[number]]
        choices = [ends[one] for one in others[: CHOICES - 1]]
        gold = int(generator.integers(CHOICES))
        choices.insert(gold, ends[number])
        yield {"question": " ".join(words[:QUESTION_WORDS]), "choices": choices, "gold": gold}


def measure(job: EvaluateJob, rounds: int, seed: int) -> tuple[dict[str, Json], Json, Json]:
    """Figures, every round, and what the contestants tell of themselves."""
    pythons = {US: Path(sys.executable), PEER: peer_python("lm_eval")}
    modules = {US: "benchmarks.our_evaluation", PEER: "benchmarks.peers.lm_eval.speed_worker"}
    contestants = {
        name: Contestant(name, python=pythons[name], module=modules[name], arguments=job.arguments())
        for name in pythons
    }
    runs: list[dict[str, Any]] = []
    for number in range(rounds):
        names = list(contestants)
        numpy_generator(seed, "order", number).shuffle(names)
        turns = {name: contestants[name].turn() for name in names}
        rates = ", ".join(
            f"{name} {turn['items'] / turn['seconds']:.2f}" for name, turn in sorted(turns.items())
        )
        print(f"{job.task}, round {number}: items a second: {rates}", flush=True)
        runs.append({"order": names, "turns": turns})
    for contestant in contestants.values():
        contestant.stop()
    return figures_of(job.task, runs), list(runs), {name: one.facts for name, one in contestants.items()}


def figures_of(task: str, runs: Sequence[dict[str, Any]]) -> dict[str, Json]:
    """Rates, peaks, and how they compare (above 1: we are faster)."""
    rates = {
        name: [run["turns"][name]["items"] / run["turns"][name]["seconds"] for run in runs]
        for name in (US, PEER)
    }
    peaks = {name: max(run["turns"][name]["peak_bytes"] for run in runs) for name in (US, PEER)}
    values = {name: runs[0]["turns"][name]["value"] for name in (US, PEER)}
    apart = abs(values[US] - values[PEER])
    if apart > SAME_NUMBERS:
        raise SystemExit(f"{task}: the two do not compute the same: {values}")
    ratios = [ours / theirs for ours, theirs in zip(rates[US], rates[PEER], strict=True)]
    return {
        **{
            name: {"items_per_second": summary(rates[name]), "peak_bytes": peaks[name]} for name in (US, PEER)
        },
        "speed relative to lm_eval": bootstrap_median(ratios),
        "memory relative to lm_eval": peaks[US] / peaks[PEER],
        "goals": {"speed relative to lm_eval": PLANS[task].goal, "memory relative to lm_eval": MEMORY_GOAL},
    }


if __name__ == "__main__":
    main()
