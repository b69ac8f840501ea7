"""Claim: with its base in int8 or NF4, LoRA needs at most half the memory for weights, and the held-out loss of what
comes of it is within 1% of that of plain LoRA.

SmolLM2-135M-Instruct learns the answers of GSM8K, each time from the same beginning and in the same order; a process
for each form of the base, so that its peak of resident memory is its own. Loss is measured on the same held-out
conversations before and after, each time on the base as it is kept while training and as it is otherwise, which is what
loading the adapter gives. Tables, head and norms stay float32 and are a fifth of the weights of this model, so the
matrices of the layers are told apart from all weights.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.contestants import SETTINGS
from benchmarks.measure import ROOT, Json, Neighbours, write_result
from benchmarks.real_model import CACHE, REAL
from ontogeny.core.hardware import peak_memory_bytes
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.conversations import Conversations, encode_conversations
from ontogeny.finetune.instruct import Tuning, plan_tuning, tune
from ontogeny.finetune.methods import base_kept, choose_trained
from ontogeny.model.config_lora import BaseForm, Lora
from ontogeny.model.formats import frozen, huggingface
from ontogeny.model.formats.gguf import unpack
from ontogeny.model.lora import adapters
from ontogeny.model.outside.fetched import fetch
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_optimizer import AdamWConfig

BASES = ("float32", "int8", "nf4")
RANK, SEQ_LEN = 8, 512
GOALS: dict[str, Json] = {"weight memory, share of float32's": 0.5, "loss above float32's": 0.01}
NEVER = 1_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder with gsm8k-train/")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rows", type=int, default=6, help="conversations a step")
    parser.add_argument("--held-out", type=int, default=16, help="conversations that loss is measured on")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--trial", action="store_true", help="write no result file")
    parser.add_argument("--only", choices=BASES, help=argparse.SUPPRESS)  # in a process of its own
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only is not None:
        print(json.dumps(measured(options, options.only)))
        return
    with tempfile.TemporaryDirectory() as folder, Neighbours() as neighbours:
        unpack(fetch(REAL, CACHE).path, Path(folder))
        runs = {base: alone(base, Path(folder)) for base in BASES}
    settings: dict[str, Json] = {
        name: value if isinstance(value, int | float) else str(value)
        for name, value in vars(options).items()
        if name not in ("only", "model")
    }
    write_result(
        "qlora",
        settings={**settings, "rank": RANK, "seq_len": SEQ_LEN},
        runs=dict(runs),
        figures=figures_of(runs),
        keep=not options.trial,
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


def alone(base: str, model: Path) -> dict[str, Any]:
    """`measured` in a process of its own, with the memory settings that `ontogeny` gives itself."""
    command = [sys.executable, "-m", "benchmarks.qlora", *sys.argv[1:], "--only", base, "--model", str(model)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **SETTINGS}, text=True, stdout=subprocess.PIPE, check=True
    )
    run: dict[str, Any] = json.loads(done.stdout)
    print(base, run, flush=True)
    return run


def figures_of(runs: dict[str, dict[str, Any]]) -> dict[str, Json]:
    """What each form comes to, beside float32."""
    plain = runs["float32"]
    figures: dict[str, Json] = {}
    for base, run in runs.items():
        figures[base] = run | {
            "weights, share of float32's": run["bytes of weights"] / plain["bytes of weights"],
            "matrices, share of float32's": run["bytes of matrices"] / plain["bytes of matrices"],
            "loss after, above float32's": run["loss after"] / plain["loss after"] - 1,
            "loss as kept, above float32's": run["loss after, as kept"] / plain["loss after, as kept"] - 1,
        }
    return figures | {"goals": GOALS}


def measured(options: argparse.Namespace, base: BaseForm) -> dict[str, Any]:
    """One run with the base kept in `base`."""
    torch.set_num_threads(options.threads)
    method = Lora(rank=RANK, base=base)
    model = huggingface.load(options.model) if base == "float32" else frozen.load(options.model)
    tuning = planned(options, Tokenizer.load(options.model))
    choose_trained(model, method, seed=0)
    figures: dict[str, Any] = {
        "peak bytes after loading": peak_memory_bytes(),
        "loss before": tuning.held_out_loss(model),
        "peak bytes after measuring": peak_memory_bytes(),
    }
    with base_kept(model, method, options.model), tempfile.TemporaryDirectory() as folder:
        figures |= sizes(model) | {
            "peak bytes after keeping": peak_memory_bytes(),
            "loss before, as kept": tuning.held_out_loss(model),
        }
        trained = tune(model, tuning, folder=Path(folder), progress=QuietProgress())
        figures |= {
            "peak bytes": peak_memory_bytes(),
            "tokens per second": trained.figures["tokens_per_second"],
            "tokens": trained.figures["tokens"],
            "loss after, as kept": tuning.held_out_loss(model),
        }
    return figures | {"loss after": tuning.held_out_loss(model)}


def sizes(model: Transformer) -> dict[str, int]:
    """Bytes of what is frozen: all of it, and the matrices of the layers."""
    matrices = [part for layer in adapters(model).values() for part in layer.base if part is not None]
    every = [weight for weight in model.parameters() if not weight.requires_grad]
    return {
        name: sum(part.numel() * part.element_size() for part in parts)
        for name, parts in (("bytes of weights", every), ("bytes of matrices", matrices))
    }


def planned(options: argparse.Namespace, tokenizer: Tokenizer) -> Tuning:
    """The first conversations are held out, and as many as fill the steps are learnt from."""
    lines = (options.data / "gsm8k-train" / "train.jsonl").read_text().splitlines()
    problems = [json.loads(line) for line in lines[: options.held_out + options.steps * options.rows]]

    def encoded(part: list[dict[str, str]]) -> Conversations:
        conversations = (
            (
                f"{number:032x}",
                [
                    {"role": "user", "content": each["question"]},
                    {"role": "assistant", "content": each["answer"]},
                ],
            )
            for number, each in enumerate(part)
        )
        return encode_conversations(conversations, tokenizer, seq_len=SEQ_LEN)

    config = TrainConfig(
        steps=options.steps,
        batch_rows=options.rows,
        micro_batch_rows=2,
        seq_len=SEQ_LEN,
        optimizer=AdamWConfig(lr=options.lr, weight_decay=0.0),
        schedule={"warmup_steps": 2},
        eval_every=NEVER,
        eval_tokens=1,
        checkpoint_seconds=NEVER,
    )
    held_out, learnt = encoded(problems[: options.held_out]), encoded(problems[options.held_out :])
    return plan_tuning(learnt, held_out, config=config, seq_len=SEQ_LEN, seed=0)


if __name__ == "__main__":
    main()
