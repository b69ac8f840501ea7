"""Claim: encoding is at least 20 times as fast as `tokenizers` and 5 times as the faster of tiktoken and rustbpe.

All contestants stay loaded and encode the same strings in turns, in an order drawn anew every round. What is compared
is the ratio within a round, of processor seconds (ours is one thread, the peers take all cores) and of seconds on the
clock. All use the same pattern and 16,384 entries; rustbpe can only use what it trained itself on these texts.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.contestants import Contestant, peer_python
from benchmarks.measure import Json, Neighbours, bootstrap_median, summary, write_result
from benchmarks.tokenizer_texts import arguments, write_texts
from ontogeny.core.seeds import numpy_generator

US, PEERS = "ontogeny", ("tokenizers", "tiktoken", "rustbpe")
VOCAB_SIZE = 16_384


def main() -> None:
    wanted = arguments(__doc__, rounds=5)
    with tempfile.TemporaryDirectory() as folder:
        texts, tokenizer = Path(folder) / "texts.jsonl", Path(folder) / "tokenizer.json"
        size = write_texts(wanted.data, texts, wanted.megabytes)
        write_tokenizer(texts, tokenizer)
        contestants = {name: start(name, texts, tokenizer) for name in (US, *PEERS)}
        with Neighbours() as neighbours:
            runs = [one_round(contestants, number) for number in range(wanted.rounds)]
        for contestant in contestants.values():
            contestant.stop()
    write_result(
        "tokenizer_encode",
        settings={"megabytes": wanted.megabytes, "rounds": wanted.rounds, "entries": VOCAB_SIZE, **size},
        runs=list(runs),
        figures=figures_of(runs, size["bytes"]),
        keep=not wanted.trial,
        contestants={name: contestant.facts for name, contestant in contestants.items()},
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


def write_tokenizer(texts: Path, path: Path) -> None:
    """Learn from the texts what all but rustbpe encode with."""
    import json

    from ontogeny.tokenizer.train import train_bpe

    with texts.open(encoding="utf-8") as lines:
        path.write_text(train_bpe(map(json.loads, lines), vocab_size=VOCAB_SIZE).to_json())


def start(name: str, texts: Path, tokenizer: Path) -> Contestant:
    python = Path(sys.executable) if name == US else peer_python(name)
    module = "benchmarks.our_tokenizing" if name == US else f"benchmarks.peers.{name}.worker"
    arguments = ["encode", str(texts), "--tokenizer", str(tokenizer), "--size", str(VOCAB_SIZE)]
    return Contestant(name, python=python, module=module, arguments=arguments)


def one_round(contestants: dict[str, Contestant], number: int) -> dict[str, Any]:
    names = list(contestants)
    numpy_generator(0, "order", number).shuffle(names)
    turns = {name: contestants[name].turn() for name in names}
    print(
        f"round {number}:", {name: round(turn["cpu_seconds"], 2) for name, turn in turns.items()}, flush=True
    )
    return {"order": names, "turns": turns}


def figures_of(runs: list[dict[str, Any]], size: int) -> dict[str, Json]:
    figures: dict[str, Json] = {}
    for name in (US, *PEERS):
        turns = [run["turns"][name] for run in runs]
        figures[name] = {
            "MB_per_cpu_second": summary([size / 1e6 / turn["cpu_seconds"] for turn in turns]),
            "MB_per_second": summary([size / 1e6 / turn["seconds"] for turn in turns]),
            "peak_bytes": max(turn["peak_bytes"] for turn in turns),
            "tokens": turns[0]["tokens"],
        }
    for peer in PEERS:
        for unit in ("cpu_seconds", "seconds"):
            ratios = [run["turns"][peer][unit] / run["turns"][US][unit] for run in runs]
            figures[f"{unit} of {peer} to ours"] = bootstrap_median(ratios)
    figures["faster of tiktoken and rustbpe"] = min(
        ("tiktoken", "rustbpe"),
        key=lambda peer: statistics.median(run["turns"][peer]["cpu_seconds"] for run in runs),
    )
    figures["goal"] = "20 against tokenizers, 5 against the faster of tiktoken and rustbpe"
    return figures


if __name__ == "__main__":
    main()
