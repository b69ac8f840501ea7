"""Claim: training BPE is no slower than rustbpe and takes no more than 200 MB; and it learns what `tokenizers` does.

Each run is a process of its own that reads 32 MB of text as it goes and learns 16,384 entries; the contestants run one
after the other, in an order drawn anew every round. The first run of ours, which compiles, is thrown away: compiled
code stays on disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.contestants import SETTINGS, peer_python
from benchmarks.measure import ROOT, Json, Neighbours, bootstrap_median, summary, write_result
from benchmarks.tokenizer_texts import arguments, write_texts
from ontogeny.core.seeds import numpy_generator

US, PEERS = "ontogeny", ("rustbpe", "tokenizers")
VOCAB_SIZE = 16_384


def main() -> None:
    wanted = arguments(__doc__, rounds=3)
    pythons = {US: Path(sys.executable), **{peer: peer_python(peer) for peer in PEERS}}
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.jsonl"
        size = write_texts(wanted.data, texts, wanted.megabytes)
        compiling = train(US, pythons[US], texts)
        with Neighbours() as neighbours:
            runs = [one_round(pythons, texts, number) for number in range(wanted.rounds)]
    write_result(
        "tokenizer_train",
        settings={"megabytes": wanted.megabytes, "rounds": wanted.rounds, "entries": VOCAB_SIZE, **size},
        runs=list(runs),
        figures=figures_of(runs)
        | {"first run, with compilation where nothing was kept": compiling["seconds"]},
        keep=not wanted.trial,
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


def one_round(pythons: dict[str, Path], texts: Path, number: int) -> dict[str, Any]:
    names = list(pythons)
    numpy_generator(0, "order", number).shuffle(names)
    return {"order": names, "runs": {name: train(name, pythons[name], texts) for name in names}}


def train(name: str, python: Path, texts: Path) -> dict[str, Any]:
    """One training in a process of its own: `seconds`, `cpu_seconds`, `peak_bytes`, `entries`."""
    module = "benchmarks.our_tokenizing" if name == US else f"benchmarks.peers.{name}.worker"
    command = [str(python), "-m", module, "train", str(texts), "--size", str(VOCAB_SIZE)]
    # Our allocator settings keep freed memory, which would count against everyone here.
    settings = {key: value for key, value in SETTINGS.items() if not key.startswith("MALLOC")}
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(name, result, flush=True)
    return result


def figures_of(runs: list[dict[str, Any]]) -> dict[str, Json]:
    figures: dict[str, Json] = {}
    for name in (US, *PEERS):
        own = [run["runs"][name] for run in runs]
        figures[name] = {
            "cpu_seconds": summary([each["cpu_seconds"] for each in own]),
            "seconds": summary([each["seconds"] for each in own]),
            "peak_bytes": max(each["peak_bytes"] for each in own),
            "entries": own[0]["entries"],
        }
    for peer in PEERS:
        for unit in ("cpu_seconds", "seconds"):
            ratios = [run["runs"][peer][unit] / run["runs"][US][unit] for run in runs]
            figures[f"{unit} of {peer} to ours"] = bootstrap_median(ratios)
    figures["goal"] = "not below 1 against rustbpe, and at most 200 MB"
    return figures


if __name__ == "__main__":
    main()
