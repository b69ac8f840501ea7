"""Claims: tuning adapters on a CPU is at least twice as fast as TRL's `SFTTrainer` with PEFT, in at most 0.6 of its
memory; training a classifier at least twice as fast as transformers' `Trainer` with PEFT.

Jobs: `instruct` tunes SmolLM2-135M-Instruct on GSM8K, `instruct-30m` a model of 30M random weights with a vocabulary of
its own on the same, `classify` SmolLM2 on SMS spam. LoRA of rank 8 on all linear layers; conversations in rows of 512
tokens, four of them a step; 16 texts a step. What the peers are set to stands in `benchmarks/peers/trl/worker.py`: the
goals are about their defaults, of TRL those of its packing; beside them stands what may be faster, but computes
something else (`trl_wrapped`) or has to be asked for (`transformers_trainer_grouped`).

The contestants of a job stay loaded and take turns, in an order drawn anew every round; compared are the rates of
non-padding tokens, or of texts, within a round, so that a slow minute of the machine hits all of them. A turn on texts
is as many steps as the grouping peer sorts by length at once, so that it meets short and long ones. The peers get the
allocator and thread settings that `ontogeny` gives itself; each contestant is a process, whose peak resident memory is
told.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.contestants import Contestant, peer_python
from benchmarks.measure import Json, Neighbours, bootstrap_median, summary, write_result
from benchmarks.peers.finetune_job import FinetuneJob, messages
from benchmarks.real_model import CACHE, REAL
from ontogeny.core.seeds import numpy_generator
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.formats.gguf import unpack
from ontogeny.model.init import initialise
from ontogeny.model.outside.fetched import fetch
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.chat import encode_conversation
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.templates import with_template
from ontogeny.tokenizer.train import train_bpe

US = "ontogeny"
PEERS = {  # of a task: name, and the variant that the worker runs
    "instruct": {"trl": "bfd", "trl_wrapped": "wrapped"},
    "classify": {"transformers_trainer": "random", "transformers_trainer_grouped": "group_by_length"},
}
RATE_OF = {"instruct": "tokens", "classify": "examples"}
GOALS: dict[str, dict[str, Json]] = {
    "instruct": {"speed relative to trl": 2.0, "memory relative to trl": 0.6},
    "classify": {"speed relative to transformers_trainer": 2.0},
}
WARM_UP_ROUNDS = 1
SEQ_LEN, PACKED_ROWS, TEXT_ROWS = 512, 4, 16
EXAMPLES = 512
"""Of each job: of the texts, transformers' sampler then sorts a quarter at once."""
TEXT_STEPS = EXAMPLES // 4 // TEXT_ROWS


@dataclass(frozen=True)
class Plan:
    """A job to measure: what is done with which model, and how often."""

    task: str
    rounds: int
    shape: dict[str, int] | None = None
    """Sizes of a model of random weights. None: SmolLM2-135M-Instruct."""


PLANS = {
    "instruct": Plan("instruct", rounds=4),
    "instruct-30m": Plan(
        "instruct",
        rounds=6,
        shape={"d_model": 512, "n_layers": 8, "n_heads": 8, "d_ff": 1376, "vocab_size": 16384},
    ),
    "classify": Plan("classify", rounds=3),
}
TINY = {"d_model": 64, "n_layers": 2, "n_heads": 2, "d_ff": 128, "vocab_size": 512}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder with gsm8k-train/ and sms-spam/")
    parser.add_argument("--jobs", nargs="+", choices=PLANS, default=list(PLANS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the order of turns")
    parser.add_argument("--trial", action="store_true", help="tiny models, two rounds, no result file")
    wanted = parser.parse_args()
    figures: dict[str, Json] = {}
    runs: dict[str, Json] = {}
    told: dict[str, Json] = {}
    with Neighbours() as neighbours:
        for name in wanted.jobs:
            plan = replace(PLANS[name], rounds=2, shape=TINY) if wanted.trial else PLANS[name]
            with tempfile.TemporaryDirectory() as folder:
                job = prepare(plan, wanted.data, Path(folder), wanted.threads)
                figures[name], runs[name], told[name] = measure(plan, job, wanted.seed)
    write_result(
        "finetune_speed",
        settings={
            **{
                field: value if isinstance(value, int) else str(value)
                for field, value in vars(wanted).items()
            },
            "dtype": "float32",
        },
        runs=runs,
        figures=figures,
        keep=not wanted.trial,
        contestants=told,
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


def prepare(plan: Plan, data: Path, folder: Path, threads: int) -> FinetuneJob:
    """Put the model and the examples of `plan` into `folder`."""
    examples = (conversations if plan.task == "instruct" else texts)(data)
    path = folder / "examples.jsonl"
    path.write_text("".join(json.dumps(example) + "\n" for example in examples))
    model = folder / "model"
    model.mkdir()
    if plan.shape is None:
        unpack(fetch(REAL, CACHE).path, model)
    else:
        write_random(plan.shape, [" ".join(example.values()) for example in examples], model)
    rows = TEXT_ROWS
    if plan.task == "instruct":
        tokenizer = Tokenizer.load(model)
        lengths = [
            min(
                len(encode_conversation(tokenizer, [turn for turns in messages(each) for turn in turns])[0]),
                SEQ_LEN,
            )
            for each in examples
        ]
        rows = round(PACKED_ROWS * SEQ_LEN / statistics.mean(lengths))
    return FinetuneJob(
        model=str(model),
        examples=str(path),
        seq_len=SEQ_LEN,
        rows=rows,
        packed_rows=PACKED_ROWS,
        steps_a_turn=1 if plan.task == "instruct" else TEXT_STEPS,
        threads=threads,
    )


def conversations(data: Path) -> list[dict[str, str]]:
    """The first problems of GSM8K with their answers."""
    lines = (data / "gsm8k-train" / "train.jsonl").read_text().splitlines()[:EXAMPLES]
    return [{"prompt": row["question"], "answer": row["answer"]} for row in map(json.loads, lines)]


def texts(data: Path) -> list[dict[str, str]]:
    """The first messages of SMS spam."""
    lines = (data / "sms-spam" / "SMSSpamCollection.tsv").read_text().splitlines()[:EXAMPLES]
    return [{"label": label, "text": text} for label, text in (line.split("\t", 1) for line in lines)]


def write_random(shape: dict[str, int], examples: list[str], folder: Path) -> None:
    """A Llama of random weights, and a tokenizer that has learnt from `examples`."""
    sizes = dict(shape)
    tokenizer = with_template(train_bpe(examples, vocab_size=sizes.pop("vocab_size")), "chatml")
    config = ModelShape(**sizes, seq_len=SEQ_LEN).resolve(shape["vocab_size"])
    model = Transformer(config.model_copy(update={"qk_norm": False}))
    initialise(model, seed=0)
    huggingface.save(model, folder)
    tokenizer.save(folder)


def measure(plan: Plan, job: FinetuneJob, seed: int) -> tuple[dict[str, Json], Json, Json]:
    """Figures, every round, and what the contestants tell of themselves."""
    contestants = start(plan.task, job)
    runs: list[dict[str, Any]] = [
        measure_round(contestants, RATE_OF[plan.task], seed, number)
        for number in range(WARM_UP_ROUNDS + plan.rounds)
    ]
    for contestant in contestants.values():
        contestant.stop()
    figures = figures_of(plan.task, runs[WARM_UP_ROUNDS:])
    told = {name: contestant.facts for name, contestant in contestants.items()}
    return figures, list(runs), {**told, "job": vars(job) | {"model": "", "examples": ""}}


def start(task: str, job: FinetuneJob) -> dict[str, Contestant]:
    """All contestants, loaded and warm, one after the other."""
    ours = replace(job, variant=task)
    contestants = {
        US: Contestant(
            US, python=Path(sys.executable), module="benchmarks.our_finetuning", arguments=ours.arguments()
        )
    }
    for name, variant in PEERS[task].items():
        contestants[name] = Contestant(
            name,
            python=peer_python("trl"),
            module="benchmarks.peers.trl.worker",
            arguments=replace(job, variant=variant).arguments(),
        )
    return contestants


def measure_round(contestants: dict[str, Contestant], unit: str, seed: int, number: int) -> dict[str, Any]:
    """One turn of each, in an order of this round's own."""
    names = list(contestants)
    numpy_generator(seed, "order", number).shuffle(names)
    turns = {name: contestants[name].turn() for name in names}
    rates = ", ".join(f"{name} {turn[unit] / turn['seconds']:.1f}" for name, turn in sorted(turns.items()))
    print(f"round {number}: {unit} a second: {rates}", flush=True)
    return {"order": names, "turns": turns}


def figures_of(task: str, runs: list[dict[str, Any]]) -> dict[str, Json]:
    """Rates and peaks, and how they compare to each peer's (above 1: we are faster)."""
    unit = RATE_OF[task]
    figures: dict[str, Json] = {}

    def rates(name: str) -> list[float]:
        return [run["turns"][name][unit] / run["turns"][name]["seconds"] for run in runs]

    def mean_of(name: str, what: str) -> float:
        return statistics.mean(run["turns"][name][what] for run in runs)

    peaks = {name: max(run["turns"][name]["peak_bytes"] for run in runs) for name in (US, *PEERS[task])}
    for name, peak in peaks.items():
        figures[name] = {
            f"{unit}_per_second": summary(rates(name)),
            "tokens_per_turn": mean_of(name, "tokens"),
            "supervised_per_turn": mean_of(name, "supervised"),
            "peak_bytes": peak,
        }
    for peer in PEERS[task]:
        ratios = [ours / theirs for ours, theirs in zip(rates(US), rates(peer), strict=True)]
        figures[f"speed relative to {peer}"] = bootstrap_median(ratios)
        figures[f"memory relative to {peer}"] = peaks[US] / peaks[peer]
    figures["goals"] = GOALS[task]
    return figures


if __name__ == "__main__":
    main()
