"""Claims: our training loop on a CPU is faster than the fastest of five peers at equal shape, batch and dtype; it runs
at 0.78 of what matrix products of the model's own shapes reach; it needs at most 0.7 of the leanest peer's memory.

Contestants: `ontogeny` (the loop that `ontogeny run` uses, hooks and all), `plain_gpt` (a plain PyTorch GPT and loop of
nanoGPT's kind), the same through torch.compile, `transformers_llama` (`LlamaForCausalLM`), `litgpt` (its GPT as a
Llama), and that compiled. All stay loaded and take turns, one optimizer step each, in an order drawn anew every round;
what is compared is the ratio of seconds within a round, so that a slow minute of the machine hits all of them. The
peers get the allocator and thread settings that `ontogeny` gives itself. With `--dtype bfloat16`, for a processor with
matrix tiles, we train with `dtype: bfloat16` and the peers under torch.autocast. Before and after its turns every round
measures the products of the model's own shapes (each matrix and the head: forward, for the input's gradient and for the
weight's), best of three each, and each contestant's FLOPs are given as a fraction of the rate they come to.
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
PEERS = {  # name: environment, whether compiled
    "plain_gpt": ("plain_gpt", False),
    "plain_gpt_compiled": ("plain_gpt", True),
    "transformers_llama": ("transformers_llama", False),
    "litgpt": ("litgpt", False),
    "litgpt_compiled": ("litgpt", True),
}
WARM_UP_ROUNDS = 2
MEMORY_GOAL = 0.7
SGEMM_GOAL = 0.78

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
    "10m-16k": {  # memory, at the vocabulary where logits weigh
        "d_model": 384,
        "n_layers": 6,
        "n_heads": 6,
        "d_ff": 1024,
        "vocab_size": 16384,
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
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of products")
    parser.add_argument("--accumulate", type=int, default=1, help="micro-batches of an optimizer step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the order of turns")
    wanted = parser.parse_args()
    job = {**SIZES[wanted.size], "accumulate": wanted.accumulate, "threads": wanted.threads}
    job["rounded"] = int(wanted.dtype == "bfloat16")

    contestants = start(job)
    products = Contestant(
        "products",
        python=Path(sys.executable),
        module="benchmarks.peers.products",
        arguments=[str(wanted.threads)],
    )
    with Neighbours() as neighbours:
        runs = [
            measure_round(contestants, products, job, wanted.seed, number)
            for number in range(WARM_UP_ROUNDS + wanted.rounds)
        ]
    for contestant in (*contestants.values(), products):
        contestant.stop()

    tokens_per_step = job["micro_rows"] * job["seq_len"] * job["accumulate"]
    parts = ["pretrain_throughput", *([] if wanted.size == "10m" else [wanted.size])]
    write_result(
        "_".join([*parts, "bfloat16"] if job["rounded"] else parts),
        settings={**vars(wanted), "job": dict(job), "tokens_per_step": tokens_per_step},
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
    contestants = {
        US: Contestant(
            US, python=Path(sys.executable), module="benchmarks.our_pretraining", arguments=arguments
        )
    }
    for name, (environment, compiled) in PEERS.items():
        contestants[name] = Contestant(
            name,
            python=peer_python(environment),
            module=f"benchmarks.peers.{environment}.worker",
            arguments=[*arguments, "--compiled", str(int(compiled))],
        )
    return contestants


def measure_round(
    contestants: dict[str, Contestant], products: Contestant, job: dict[str, int], seed: int, number: int
) -> dict[str, Any]:
    """One turn of each, in an order of this round's own, and the rate of the model's products before and after."""
    names = list(contestants)
    numpy_generator(seed, "order", number).shuffle(names)
    before = products_gflops(products, job)
    turns = {name: contestants[name].turn() for name in names}
    after = products_gflops(products, job)
    seconds = ", ".join(f"{name} {turn['seconds']:.2f} s" for name, turn in sorted(turns.items()))
    print(f"round {number}: {seconds}; products {before:.0f} and {after:.0f} GFLOP/s", flush=True)
    return {"order": names, "turns": turns, "sgemm_gflops": [before, after]}


def products_gflops(contestant: Contestant, job: dict[str, int]) -> float:
    """GFLOP/s of all the matrix products of a micro-batch: its FLOPs over the seconds they take alone."""
    rows, width, wide = job["micro_rows"] * job["seq_len"], job["d_model"], job["d_ff"]
    counts = {(width, width): 4, (width, wide): 2, (wide, width): 1}  # of a layer: q, k, v, o; gate, up; down
    matrices = {shape: count * job["n_layers"] for shape, count in counts.items()}
    matrices[width, job["vocab_size"]] = 1
    # From k to m: forward (rows, k) (k, m); the input's gradient (rows, m) (m, k); the weight's (m, rows) (rows, k).
    products = [size for k, m in matrices for size in ((rows, k, m), (rows, m, k), (m, rows, k))]
    seconds = contestant.product_seconds(products, "bfloat16" if job["rounded"] else "float32")
    each = [sum(seconds[place : place + 3]) for place in range(0, len(seconds), 3)]
    total = sum(count * one for count, one in zip(matrices.values(), each, strict=True))
    flops = sum(count * 3 * 2 * rows * k * m for (k, m), count in matrices.items())
    return flops / total / 1e9


def figures_of(
    runs: list[dict[str, Any]], contestants: dict[str, Contestant], tokens_per_step: int
) -> dict[str, Json]:
    """Tokens per second, share of the rate of products, and the ratio to each peer (above 1: we are faster)."""
    figures: dict[str, Json] = {}
    peaks = {name: max(run["turns"][name]["peak_bytes"] for run in runs) for name in contestants}
    for name, contestant in contestants.items():
        rates = [tokens_per_step / run["turns"][name]["seconds"] for run in runs]
        flops = contestant.facts["flops_per_token"]
        shares = [
            rate * flops / (statistics.mean(run["sgemm_gflops"]) * 1e9)
            for rate, run in zip(rates, runs, strict=True)
        ]
        figures[name] = {
            "tokens_per_second": summary(rates),
            "share_of_sgemm": summary(shares),
            "gflops_per_token": flops / 1e9,
            "parameters": contestant.facts["parameters"],
            "peak_bytes": peaks[name],
        }
    for peer in PEERS:
        ratios = [run["turns"][peer]["seconds"] / run["turns"][US]["seconds"] for run in runs]
        figures[f"speed relative to {peer}"] = bootstrap_median(ratios)
    fastest = min(PEERS, key=lambda peer: statistics.median(run["turns"][peer]["seconds"] for run in runs))
    leanest = min(PEERS, key=lambda peer: peaks[peer])
    figures["fastest peer"], figures["leanest peer"] = fastest, leanest
    figures["memory relative to the leanest peer"] = peaks[US] / peaks[leanest]
    figures["goals"] = {
        "speed relative to the fastest peer, lower end": "> 1",
        "share_of_sgemm": SGEMM_GOAL,
        "memory relative to the leanest peer": MEMORY_GOAL,
    }
    return figures


if __name__ == "__main__":
    main()
