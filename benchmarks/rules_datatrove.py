"""Our four rule sets against datatrove's, in turn: CPU seconds for a megabyte, peak memory, and the same verdicts?

Ours judges all of the text, datatrove the first documents of it: it would take hours otherwise. Both hold the texts in
memory as strings. Ours computes every signal of every document and makes all edited texts; datatrove stops at the first
rule that drops a document. C4's rule for final punctuation is off, as in FineWeb's chain.
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
from benchmarks.installed_text import write_documents
from benchmarks.measure import Json, Neighbours, summary, write_result

RULES = ("gopher_repetition", "gopher_quality", "c4", "fineweb", "fineweb_after_c4")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=32, help="of text for ours")
    parser.add_argument("--documents", type=int, default=2000, help="of it for datatrove")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument(
        "--texts", type=Path, help="JSON lines with `text` to use instead of text that is installed"
    )
    parser.add_argument("--trial", action="store_true", help="write no result file")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Neighbours() as neighbours:
        texts, part = Path(folder, "texts.jsonl"), Path(folder, "slice.jsonl")
        if wanted.texts:
            texts.write_text(wanted.texts.read_text())
        else:
            write_documents(texts, wanted.megabytes)
        part.write_text("\n".join(texts.read_text().splitlines()[: wanted.documents]) + "\n")
        sizes = {"ours": size_of(texts), "datatrove": size_of(part)}
        runs, facts, verdicts = take_turns(Path(folder), texts, part, wanted.turns)
    figures = compare(runs, sizes) | {"agreement": agreement(verdicts)}
    write_result(
        "rules_datatrove",
        settings={
            name: str(value) if isinstance(value, Path) else value for name, value in vars(wanted).items()
        },
        runs=runs,
        figures=figures,
        keep=not wanted.trial,
        bytes=dict(sizes),
        peers=facts,
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


def take_turns(
    folder: Path, texts: Path, part: Path, turns: int
) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """Every turn of both, what they say of themselves, and their verdicts."""
    files = {name: folder / f"{name}.json" for name in ("ours", "datatrove")}
    contestants = [
        Contestant(
            "ours",
            python=Path(sys.executable),
            module="benchmarks.our_rules",
            arguments=[str(texts), str(part), str(files["ours"])],
        ),
        Contestant(
            "datatrove",
            python=peer_python("datatrove"),
            module="benchmarks.peers.datatrove.rules_worker",
            arguments=[str(part), str(files["datatrove"])],
        ),
    ]
    runs: dict[str, Any] = {each.name: [] for each in contestants}
    for _ in range(turns):
        for each in contestants:
            runs[each.name].append(each.turn())
    facts = {each.name: each.facts for each in contestants}
    for each in contestants:
        each.stop()
    return runs, facts, {name: json.loads(path.read_text()) for name, path in files.items()}


def size_of(path: Path) -> int:
    """Bytes of text in a file of JSON lines."""
    return sum(len(json.loads(line)["text"].encode()) for line in path.read_text().splitlines())


def compare(runs: dict[str, Any], sizes: dict[str, int]) -> dict[str, Json]:
    """Megabytes for a CPU second of both, how many times ours is cheaper, and peak memory."""
    figures: dict[str, Json] = {}
    medians = {}
    for name, turns in runs.items():
        rates = [sizes[name] / 1e6 / turn["cpu_seconds"] for turn in turns]
        medians[name] = statistics.median(rates)
        figures[f"{name}: MB for a CPU second"] = summary(rates)
        figures[f"{name}: peak MB"] = max(turn["peak_bytes"] for turn in turns) / 1e6
    figures["times fewer CPU seconds for a MB"] = medians["ours"] / medians["datatrove"]
    return figures


def agreement(verdicts: dict[str, Any]) -> dict[str, Json]:
    """Share of documents on which both agree, by rule; and of the texts that both keep, those edited alike."""
    pairs = list(zip(verdicts["ours"], verdicts["datatrove"], strict=True))
    shares: dict[str, Json] = {}
    for rule in RULES:
        both = [(ours[rule], theirs[rule]) for ours, theirs in pairs if rule in theirs]
        shares[rule] = {
            "documents": len(both),
            "kept by datatrove": sum(theirs for _, theirs in both),
            "agree": sum(ours == theirs for ours, theirs in both) / max(len(both), 1),
        }
    edited = [ours["edited"] == theirs["edited"] for ours, theirs in pairs if ours["c4"] and theirs["c4"]]
    shares["edited texts"] = {"documents": len(edited), "equal": sum(edited) / max(len(edited), 1)}
    return shares


if __name__ == "__main__":
    main()
