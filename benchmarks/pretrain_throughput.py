"""Claim: our training loop is no slower on CPU than the faster of two peers, at equal shape, batch and dtype.

Contestants: `ontogeny` (the loop that `ontogeny run` uses, hooks and all), `plain_gpt` (a plain PyTorch GPT
and loop of nanoGPT's kind) and `transformers_llama` (`LlamaForCausalLM`). All three stay loaded and take
turns, one optimizer step each, in an order drawn anew every round; what is compared is the ratio of seconds
within a round, so that a slow minute of the machine hits all of them. The peers get the allocator and thread
settings that `ontogeny` gives itself. Every round also measures the machine's sgemm rate, and each contestant's
FLOPs are given as a fraction of it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.contestants import Contestant, peer_python
from benchmarks.measure import Json, Neighbours, bootstrap_median, summary, write_result
from ontogeny.core.seeds import numpy_generator

US = "ontogeny"
PEERS = ("plain_gpt", "transformers_llama")
WARM_UP_ROUNDS = 2

# Model sizes as in the usual small comparisons: 10M and 30M parameters. MLP widths differ by family:
# 4·d_model for the GPT (two matrices), d_ff for the Llama and for us (three matrices); 3·d_ff is within 1% of
# 2·4·d_model.
SIZES: dict[str, dict[str, int]] = {
    "10m": {
        "d_model": 384,
        "n_layers": 6,
        "n_heads": 6,
        "d_ff": 1024,
        "vocab_size": 8192,
        "seq_len": 256,
        "micro_rows": 16,
    },
    "30m": {
        "d_model": 512,
        "n_layers": 8,
        "n_heads": 8,
        "d_ff": 1376,
        "vocab_size": 16384,
        "seq_len": 512,
        "micro_rows": 4,
    },
    "tiny": {
        "d_model": 64,
        "n_layers": 2,
        "n_heads": 2,
        "d_ff": 128,
        "vocab_size": 512,
        "seq_len": 64,
        "micro_rows": 4,
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SIZES, default="10m", help="tiny only shows that everything runs")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--accumulate", type=int, default=1, help="micro-batches of an optimizer step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the order of turns")
    wanted = parser.parse_args()
    job = {**SIZES[wanted.size], "accumulate": wanted.accumulate, "threads": wanted.threads}

    contestants = start(job)
    with Neighbours() as neighbours:
        runs = [
            measure_round(contestants, wanted.seed, number)
            for number in range(WARM_UP_ROUNDS + wanted.rounds)
        ]
    for contestant in contestants.values():
        contestant.stop()

    tokens_per_step = job["micro_rows"] * job["seq_len"] * job["accumulate"]
    write_result(
        "pretrain_throughput" if wanted.size == "10m" else f"pretrain_throughput_{wanted.size}",
        settings={**vars(wanted), "job": dict(job), "dtype": "float32", "tokens_per_step": tokens_per_step},
        runs=list(runs),
        figures=figures_of(runs[WARM_UP_ROUNDS:], contestants, tokens_per_step),
        keep=wanted.size != "tiny",
        contestants={name: contestant.facts for name, contestant in contestants.items()},
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


def start(job: dict[str, int]) -> dict[str, Contestant]:
    """All contestants, loaded and warm, one after the other."""
    arguments = [
        text for field, value in job.items() for text in (f"--{field.replace('_', '-')}", str(value))
    ]
    pythons = {US: Path(sys.executable), **{peer: peer_python(peer) for peer in PEERS}}
    modules = {
        US: "benchmarks.our_pretraining",
        **{peer: f"benchmarks.peers.{peer}.worker" for peer in PEERS},
    }
    return {
        name: Contestant(name, python=python, module=modules[name], arguments=arguments)
        for name, python in pythons.items()
    }


def measure_round(contestants: dict[str, Contestant], seed: int, number: int) -> dict[str, Any]:
    """One turn of each, in an order of this round's own, and the sgemm rate before and after."""
    names = list(contestants)
    numpy_generator(seed, "order", number).shuffle(names)
    before = contestants[US].sgemm_gflops()
    turns = {name: contestants[name].turn() for name in names}
    after = contestants[US].sgemm_gflops()
    seconds = ", ".join(f"{name} {turn['seconds']:.2f} s" for name, turn in sorted(turns.items()))
    print(f"round {number}: {seconds}; sgemm {before:.0f} and {after:.0f} GFLOP/s", flush=True)
    return {"order": names, "turns": turns, "sgemm_gflops": [before, after]}


def figures_of(
    runs: list[dict[str, Any]], contestants: dict[str, Contestant], tokens_per_step: int
) -> dict[str, Json]:
    """Tokens per second, share of the sgemm rate, and the ratio to each peer (above 1: we are faster)."""
    figures: dict[str, Json] = {}
    for name, contestant in contestants.items():
        rates = [tokens_per_step / run["turns"][name]["seconds"] for run in runs]
        flops = contestant.facts["flops_per_token"]
        shares = [
            rate * flops / (max(run["sgemm_gflops"]) * 1e9) for rate, run in zip(rates, runs, strict=True)
        ]
        figures[name] = {
            "tokens_per_second": summary(rates),
            "share_of_sgemm": summary(shares),
            "gflops_per_token": flops / 1e9,
            "parameters": contestant.facts["parameters"],
            "peak_bytes": max(run["turns"][name]["peak_bytes"] for run in runs),
        }
    for peer in PEERS:
        ratios = [run["turns"][peer]["seconds"] / run["turns"][US]["seconds"] for run in runs]
        figures[f"speed relative to {peer}"] = bootstrap_median(ratios)
    figures["faster peer"] = min(
        PEERS, key=lambda peer: statistics.median(run["turns"][peer]["seconds"] for run in runs)
    )
    figures["goal"] = "not below 1 beyond noise against the faster peer"
    return figures


if __name__ == "__main__":
    main()
