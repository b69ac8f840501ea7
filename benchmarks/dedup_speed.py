"""MinHash signatures, and the search for copies after them, against datatrove, rensa and datasketch.

CPU seconds of one process each, in turns, on the same texts: real text with copies planted in it. Signatures hold the
shingling, which for rensa and datasketch is the usual few lines of Python. The search for copies is LSH, clustering
and removal as shipped: ours also looks for documents inside longer ones, and compares the words of every candidate;
no peer looks at a text again. By bands alone, which is what the peers decide by, ours is measured beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.contestants import Contestant, peer_python
from benchmarks.measure import Json, Neighbours, summary, write_result
from benchmarks.planted_copies import labelled_set

PEERS = {"datatrove": "minhash_worker", "rensa": "worker", "datasketch": "worker"}


def main() -> None:
    wanted = arguments()
    texts = labelled_set(wanted.data, passages=wanted.passages).texts
    with tempfile.TemporaryDirectory() as folder, Neighbours() as neighbours:
        lines = Path(folder) / "texts.jsonl"
        megabytes = written(lines, texts)
        contestants = [ours(lines), *(peer_of(name, lines) for name in wanted.peers)]
        runs: list[dict[str, Any]] = []
        for turn in range(wanted.turns):
            for contestant in contestants:
                runs.append({"turn": turn, "name": contestant.name, **contestant.turn()})
                print(runs[-1], flush=True)
        for contestant in contestants:
            contestant.stop()
    write_result(
        "dedup_speed",
        settings={
            "passages": wanted.passages,
            "turns": wanted.turns,
            "megabytes": megabytes,
            "documents": len(texts),
        },
        runs=list(runs),
        figures=figures_of(runs, megabytes, wanted.peers),
        keep=not wanted.trial,
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
        peers={contestant.name: contestant.facts for contestant in contestants[1:]},
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with books, web-text and linux-docs"
    )
    parser.add_argument(
        "--passages", type=int, default=4500, help="about 5 kB each, with their copies: 32 MB"
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--trial", action="store_true", help="write no result file")
    return parser.parse_args()


def figures_of(runs: list[dict[str, Any]], megabytes: float, peers: list[str]) -> dict[str, Json]:
    """Rates in MB per CPU second, CPU seconds of the search for copies, and by how much ours is faster (medians)."""

    def seconds(name: str, *fields: str) -> list[float]:
        return [sum(run.get(field, 0.0) for field in fields) for run in runs if run["name"] == name]

    signing = ("signatures_cpu_seconds", "shingles_cpu_seconds")
    signed = {name: seconds(name, *signing) for name in ("ontogeny", *peers)}
    searched = {name: seconds(name, "copies_cpu_seconds") for name in ("ontogeny", *peers)}
    by_bands = seconds("ontogeny", "bands_cpu_seconds")
    middle = statistics.median
    figures: dict[str, Json] = {
        name: {
            "megabytes": megabytes,
            "signatures MB/CPU s": summary([megabytes / each for each in signed[name]]),
            "copies CPU s": summary(searched[name]),
        }
        for name in ("ontogeny", *peers)
    }
    figures["ontogeny, by bands alone"] = {"copies CPU s": summary(by_bands)}
    samples = middle(seconds("ontogeny", "samples_cpu_seconds"))
    figures["ontogeny, samples for containment"] = {"samples MB/CPU s": megabytes / samples}
    for peer in peers:
        figures[f"ours faster than {peer} by"] = {
            "signatures": middle(signed[peer]) / middle(signed["ontogeny"]),
            "copies, ours with words compared": middle(searched[peer]) / middle(searched["ontogeny"]),
            "copies, ours by bands alone": middle(searched[peer]) / middle(by_bands),
        }
    return figures


def written(path: Path, texts: list[str]) -> float:
    """Write `texts`, one JSON object a line; the MB of text."""
    with path.open("w") as sink:
        for text in texts:
            sink.write(json.dumps({"text": text}) + "\n")
    return sum(len(text.encode()) for text in texts) / 1e6


def ours(texts: Path) -> Contestant:
    return Contestant(
        "ontogeny",
        python=Path(sys.executable),
        module="benchmarks.our_dedup",
        arguments=[str(texts), str(texts.with_suffix(".ours"))],
    )


def peer_of(name: str, texts: Path) -> Contestant:
    return Contestant(
        name,
        python=peer_python(name),
        module=f"benchmarks.peers.{name}.{PEERS[name]}",
        arguments=[str(texts), str(texts.with_suffix(f".{name}"))],
    )


if __name__ == "__main__":
    main()
