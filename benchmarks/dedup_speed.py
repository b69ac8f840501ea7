"""MinHash signatures, and the search for copies after them, against datatrove, rensa and datasketch.

CPU seconds of one process each, in turns, on the same texts: real text with copies planted in it. Signatures hold the
shingling, which for rensa and datasketch is the usual few lines of Python. The search for copies is LSH, clustering
and removal. Ours is measured twice: by bands alone, which is what datatrove decides by, and as it is, where documents
inside longer ones are looked for and the words of every candidate are compared. A peer that takes minutes may get a
slice of the texts (`--slice-mb`); its rates are then those of the slice.
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
SLICED = ("datatrove", "datasketch")


def main() -> None:
    wanted = arguments()
    texts = labelled_set(wanted.data, passages=wanted.passages).texts
    with tempfile.TemporaryDirectory() as folder, Neighbours() as neighbours:
        whole, part = Path(folder) / "texts.jsonl", Path(folder) / "slice.jsonl"
        megabytes = {"ontogeny": written(whole, texts, None), "rensa": 0.0}
        megabytes |= dict.fromkeys(PEERS, megabytes["ontogeny"])
        megabytes |= dict.fromkeys(SLICED, written(part, texts, wanted.slice_mb))
        contestants = [ours(whole)]
        contestants += [peer_of(name, part if name in SLICED else whole) for name in wanted.peers]
        # Ours works on the slice too, so that the search for copies is compared on the same documents.
        on_slice = ours(part)
        runs: list[dict[str, Any]] = []
        for turn in range(wanted.turns):
            for contestant in [*contestants, on_slice]:
                where = "slice" if contestant is on_slice else "own"
                runs.append({"turn": turn, "name": contestant.name, "texts": where, **contestant.turn()})
                print(runs[-1], flush=True)
        for contestant in [*contestants, on_slice]:
            contestant.stop()
    write_result(
        "dedup_speed",
        settings={
            "passages": wanted.passages,
            "turns": wanted.turns,
            "slice_mb": wanted.slice_mb,
            "megabytes": dict(megabytes),
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
    parser.add_argument("--passages", type=int, default=8000, help="about 5 kB each, with their copies")
    parser.add_argument(
        "--slice-mb", type=float, default=None, help="text for the slow peers; all of it if not given"
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--trial", action="store_true", help="write no result file")
    return parser.parse_args()


def figures_of(runs: list[dict[str, Any]], megabytes: dict[str, float], peers: list[str]) -> dict[str, Json]:
    """Rates in MB per CPU second, and by how much ours are higher."""
    seconds: dict[tuple[str, str], dict[str, float]] = {}
    for key in {(run["name"], run["texts"]) for run in runs}:
        some = [run for run in runs if (run["name"], run["texts"]) == key]
        fields = [field for field in some[0] if field.endswith("_cpu_seconds")]
        seconds[key] = {field: statistics.median(run[field] for run in some) for field in fields}
    own, on_slice = seconds["ontogeny", "own"], seconds["ontogeny", "slice"]
    rate = megabytes["ontogeny"] / own["signatures_cpu_seconds"]
    figures: dict[str, Json] = {
        "ontogeny": {
            "megabytes": megabytes["ontogeny"],
            "signatures MB/CPU s": summary(
                [
                    megabytes["ontogeny"] / run["signatures_cpu_seconds"]
                    for run in runs
                    if (run["name"], run["texts"]) == ("ontogeny", "own")
                ]
            ),
            "samples MB/CPU s": megabytes["ontogeny"] / own["samples_cpu_seconds"],
            "copies by bands alone CPU s": own["bands_cpu_seconds"],
            "copies with words compared CPU s": own["copies_cpu_seconds"],
        }
    }
    for peer in peers:
        theirs = seconds[peer, "own"]
        signing = theirs["signatures_cpu_seconds"] + theirs.get("shingles_cpu_seconds", 0.0)
        same = on_slice if peer in SLICED else own
        figures[peer] = {
            "megabytes": megabytes[peer],
            "signatures MB/CPU s": megabytes[peer] / signing,
            "signatures, ours faster by": rate / (megabytes[peer] / signing),
            "copies CPU s": theirs["copies_cpu_seconds"],
            "copies, ours by bands alone, CPU s": same["bands_cpu_seconds"],
            "copies, ours by bands alone faster by": theirs["copies_cpu_seconds"] / same["bands_cpu_seconds"],
            "copies, ours with words compared, CPU s": same["copies_cpu_seconds"],
            "copies, ours with words compared faster by": theirs["copies_cpu_seconds"]
            / same["copies_cpu_seconds"],
        }
    return figures


def written(path: Path, texts: list[str], megabytes: float | None) -> float:
    """Write `texts`, or the first of them up to a size, one JSON object a line; the MB of text written."""
    total = 0
    with path.open("w") as sink:
        for text in texts:
            if megabytes is not None and total >= megabytes * 1e6:
                break
            total += len(text.encode())
            sink.write(json.dumps({"text": text}) + "\n")
    return total / 1e6


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
