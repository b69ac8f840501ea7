"""Claims: from raw input to token shards in a fraction of datatrove's CPU seconds and memory; another threshold reads
no text again.

JSON lines: at least 30 times fewer CPU seconds a megabyte; WARC: at least 5 times; another document-level threshold:
at least 500 times, against datatrove's only way, which is to run its filters and deduplication again. Both read the
same texts with the same four rule sets and MinHash parameters and write the same tokenizer's tokens; the peer, being
slow, gets a slice. WARC pages are extracted by resiliparse here and by trafilatura there, the fast default of each, so
they yield other texts: what is compared is the work from record to shard. Of JSON lines the peer's
first 300 kB are taken off, bytes and CPU seconds, so that its start does not count over a small slice; ours are whole.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contestants import peer_python
from benchmarks.corpora import read_texts
from benchmarks.measure import ROOT, Json, Neighbours, summary, write_result
from benchmarks.recipe_runs import ONTOGENY, SAMPLE_EVERY_S, resident_bytes

RULES = [
    {"type": "gopher-repetition"},
    {"type": "gopher-quality"},
    {"type": "c4-lines", "terminal_punctuation": False},
    {"type": "c4"},
    {"type": "fineweb"},
]
PIECE_CHARS = 3_000  # about a web page


@dataclass(frozen=True)
class Spent:
    """What a command took: CPU seconds of all its processes, seconds, and their resident memory at its highest."""

    cpu_seconds: float
    seconds: float
    peak_bytes: int

    def to_json(self) -> dict[str, Json]:
        return {"cpu_seconds": self.cpu_seconds, "seconds": self.seconds, "peak_bytes": self.peak_bytes}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder of folders: books, web-text, ...")
    parser.add_argument("--megabytes", type=float, default=100.0)
    parser.add_argument("--peer-megabytes", type=float, default=3.0)
    parser.add_argument("--warc-copies", type=int, default=80, help="of each archive, for both")
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Neighbours() as neighbours:
        bench = Bench(Path(name), wanted)
        runs = [bench.round() for _ in range(wanted.rounds)]
    write_result(
        "curate_end_to_end",
        settings={key: str(value) for key, value in vars(wanted).items()},
        runs=list(runs),
        figures=figures_of(runs, bench),
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


class Bench:
    """The inputs, and one turn of each contestant."""

    def __init__(self, folder: Path, wanted: argparse.Namespace) -> None:
        self.folder, self.wanted = folder, wanted
        texts = pieces(read_texts(wanted.data / "books", "*.jsonl.gz", wanted.megabytes))
        texts += read_texts(wanted.data / "web-text", "*.jsonl*")
        random.Random(0).shuffle(texts)
        self.bytes = {"jsonl": write_jsonl(folder / "ours" / "texts.jsonl", texts, wanted.megabytes)}
        self.peer_bytes = {
            "jsonl": write_jsonl(folder / "peer" / "texts.jsonl", texts, wanted.peer_megabytes)
        }
        archives = sorted((wanted.data / "web-archives").glob("*.warc.gz"))
        self.peer_bytes["warc"] = copy_archives(archives, folder / "peer-warc", wanted.warc_copies)
        self.bytes["warc"] = copy_archives(archives, folder / "ours-warc", wanted.warc_copies)
        self.start_bytes = write_jsonl(folder / "start" / "texts.jsonl", texts, 0.3)
        self.peer = peer_python("datatrove")
        self.tokenizer = self._train_tokenizer()
        self.start = self._peer("jsonl", folder / "start").cpu_seconds

    def round(self) -> dict[str, Any]:
        """One turn of each."""
        turns = {
            "ours jsonl": self._ours("jsonl", rules=RULES, fresh=True),
            "ours another threshold": self._ours(
                "jsonl", rules=[*RULES[:-1], {**RULES[-1], "max_short_lines": 0.6}]
            ),
            "peer jsonl": self._peer("jsonl", self.folder / "peer"),
            "ours warc": self._ours("warc", rules=RULES, fresh=True),
            "peer warc": self._peer("warc", self.folder / "peer-warc"),
        }
        print({name: f"{spent.cpu_seconds:.1f} CPU s" for name, spent in turns.items()}, flush=True)
        return {name: spent.to_json() for name, spent in turns.items()}

    def _train_tokenizer(self) -> Path:
        recipe = {
            "recipe": "tokenizer",
            "steps": {
                "corpus": {"step": "curate", "sources": [self._source("jsonl", "peer")]},
                "tokenizer": {"step": "train-tokenizer", "corpus": "corpus", "vocab_size": 8192},
            },
        }
        self._run(recipe)
        return self.folder / "workspace/artifacts/tokenizer/tokenizer@1"

    def _source(self, kind: str, who: str = "ours") -> dict[str, str]:
        folder = self.folder / (who if kind == "jsonl" else f"{who}-{kind}")
        return {"type": kind, "path": f"{folder}/*", "name": "input"}

    def _ours(self, kind: str, *, rules: list[dict[str, Any]], fresh: bool = False) -> Spent:
        """All steps, and with `fresh` nothing kept from before; else the corpus alone."""
        if fresh:
            shutil.rmtree(self.folder / "workspace/cache", ignore_errors=True)
        steps: dict[str, Any] = {
            "corpus": {
                "step": "curate",
                "sources": [self._source(kind)],
                "rules": rules,
                "dedup": {"type": "near", "on_alarm": "report"},
                "max_bad_fraction": 1.0,
            }
        }
        if fresh:
            steps["tokens"] = {"step": "tokenize", "corpus": "corpus", "tokenizer": "tokenizer/tokenizer"}
        return self._run(
            {"recipe": f"bench-{kind}", "steps": steps}, *(["--rerun", *_between(steps)] if fresh else [])
        )

    def _run(self, recipe: dict[str, Any], *options: str) -> Spent:
        path = self.folder / "recipe.yaml"
        path.write_text(json.dumps(recipe))  # JSON is YAML
        return spend(
            [str(ONTOGENY), "run", str(path), "--workspace", str(self.folder / "workspace"), *options]
        )

    def _peer(self, kind: str, source: Path) -> Spent:
        work = self.folder / "peer-work"
        command = [str(self.peer), "-m", "benchmarks.peers.datatrove.pipeline_worker", kind, str(source)]
        return spend([*command, str(self.tokenizer / "tokenizer.json"), str(work)])


def _between(steps: dict[str, Any]) -> list[str]:
    """`a --rerun b` for the steps a and b."""
    first, *others = steps
    return [first, *(word for name in others for word in ("--rerun", name))]


def pieces(texts: list[str]) -> list[str]:
    """Long texts in pieces of about a web page, cut at line ends."""
    found = []
    for text in texts:
        piece: list[str] = []
        size = 0
        for line in text.splitlines(keepends=True):
            piece.append(line)
            size += len(line)
            if size >= PIECE_CHARS:
                found.append("".join(piece))
                piece, size = [], 0
        found.append("".join(piece))
    return [text for text in found if text.strip()]


def write_jsonl(path: Path, texts: list[str], megabytes: float) -> int:
    """Write `texts` up to so many megabytes, again from the start where they are fewer; the bytes of text."""
    path.parent.mkdir(parents=True)
    size = 0
    with path.open("w") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"text": text, "id": str(number)}) + "\n")
            size += len(text.encode())
            if size >= megabytes * 1e6:
                break
    return size


def copy_archives(archives: list[Path], folder: Path, copies: int) -> int:
    """Copies of `archives`; their bytes in all."""
    folder.mkdir(parents=True)
    for number in range(copies):
        for archive in archives:
            shutil.copyfile(archive, folder / f"{number:03d}-{archive.name}")
    return sum(path.stat().st_size for path in folder.iterdir())


def spend(command: list[str]) -> Spent:
    """Run `command` and say what it took.

    Raises:
        SystemExit: it did not end well.
    """
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    peak = 0
    while True:
        try:
            _, errors = process.communicate(timeout=SAMPLE_EVERY_S)
            break
        except subprocess.TimeoutExpired:
            peak = max(peak, resident_bytes(process.pid))
    if process.returncode != 0:
        sys.stderr.write(errors[-2000:])
        raise SystemExit(f"`{' '.join(command[:4])}` ended with exit code {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(cpu, time.perf_counter() - started, peak)


def figures_of(runs: list[dict[str, Any]], bench: Bench) -> dict[str, Json]:
    """CPU seconds a megabyte of input, peak memory, and how many times fewer ours are."""

    def per_megabyte(name: str, size: int, start: float = 0.0) -> list[float]:
        return [(run[name]["cpu_seconds"] - start) / size * 1e6 for run in runs]

    jsonl = per_megabyte("ours jsonl", bench.bytes["jsonl"])
    again = per_megabyte("ours another threshold", bench.bytes["jsonl"])
    peer = per_megabyte("peer jsonl", bench.peer_bytes["jsonl"] - bench.start_bytes, bench.start)
    warc = per_megabyte("ours warc", bench.bytes["warc"])
    peer_warc = per_megabyte("peer warc", bench.peer_bytes["warc"])

    def ratio(theirs: list[float], ours: list[float]) -> Json:
        return summary([a / b for a, b in zip(theirs, ours, strict=True)])

    def peak(name: str) -> int:
        return max(int(run[name]["peak_bytes"]) for run in runs)

    return {
        "input bytes": {**bench.bytes},
        "peer's input bytes": dict(bench.peer_bytes),
        "peer's CPU seconds for its first 0.3 MB, taken off with them": bench.start,
        "CPU seconds a MB, JSON lines to shards": {"ours": summary(jsonl), "datatrove": summary(peer)},
        "times fewer, JSON lines to shards (goal 30)": ratio(peer, jsonl),
        "CPU seconds a MB, WARC to shards": {"ours": summary(warc), "datatrove": summary(peer_warc)},
        "times fewer, WARC to shards (goal 5)": ratio(peer_warc, warc),
        "times fewer, another threshold (goal 500)": ratio(peer, again),
        "peak bytes": {name: peak(name) for name in runs[0]},
    }


if __name__ == "__main__":
    main()
