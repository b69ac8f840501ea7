"""Claims: from raw input to token shards in a fraction of datatrove's CPU seconds and memory; another threshold reads
no text again.

JSON lines: at least 30 times fewer CPU seconds a megabyte; WARC: at least 5 times; another document-level threshold:
at least 500 times, against datatrove's only way, which is to run its whole pipeline again. Both read the same texts
with the same four rule sets and MinHash parameters and write the same tokenizer's tokens; the peer, being slow, gets a
slice. WARC pages are extracted by resiliparse here and by trafilatura there, the fast default of each, so they yield
other texts: what is compared is the work from record to shard. Of JSON lines the peer's first 300 kB are taken off,
bytes and CPU seconds, so that its start does not count over a small slice; ours are whole.

Every threshold is one that no run before had, and a run that reused its step ends the benchmark. It is measured at two
sizes, since starting costs the same for both: the larger input is the same texts, and then again with the words of each
line in another order, which leaves hardly any five of them together. Memory is that of the peer's slice, of which
both read all: resident, which counts a page once for each process that shares it, and proportional (PSS), which
divides it among them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contestants import peer_python
from benchmarks.corpora import read_texts
from benchmarks.measure import ROOT, Json, Neighbours, summary, write_result
from benchmarks.recipe_runs import ONTOGENY, SAMPLE_EVERY_S, proportional_bytes, resident_bytes

RULES: list[dict[str, Any]] = [
    {"type": "gopher-repetition"},
    {"type": "gopher-quality"},
    {"type": "c4-lines", "terminal_punctuation": False},
    {"type": "c4"},
    {"type": "fineweb"},
]
PIECE_CHARS = 3_000  # about a web page
LEAST_MB, LEAST_PEER_MB = 100.0, 30.0
"""A run over less than this is a trial, and its result is not kept."""
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""Where it is set, a source tree is compiled anew at each start, and a package that pip installed is not: neither
contestant gets it, so that the first run leaves the bytecode."""


@dataclass(frozen=True)
class Spent:
    """What a command took: CPU seconds of all its processes, seconds, and their memory at its highest.

    `resident_bytes` and `proportional_bytes` are sums over its processes.
    """

    cpu_seconds: float
    seconds: float
    resident_bytes: int
    proportional_bytes: int

    def to_json(self) -> dict[str, Json]:
        return dict(vars(self))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("../shared/data"),
        help="folder of folders: books, web-text, ...; from the root of the project, as the result will say",
    )
    parser.add_argument("--megabytes", type=float, default=LEAST_MB)
    parser.add_argument("--peer-megabytes", type=float, default=LEAST_PEER_MB)
    parser.add_argument("--larger", type=int, default=4, help="size of the larger input, times --megabytes")
    parser.add_argument("--warc-copies", type=int, default=80, help="of each archive, for both")
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    if wanted.data.is_absolute():
        parser.error("--data is written into the result: give it from the root of the project")
    with tempfile.TemporaryDirectory() as name, Neighbours() as neighbours:
        bench = Bench(Path(name), wanted)
        runs = [bench.round(number) for number in range(wanted.rounds)]
    write_result(
        "curate_end_to_end",
        settings={key: str(value) for key, value in vars(wanted).items()},
        runs=list(runs),
        figures=figures_of(runs, bench),
        keep=wanted.megabytes >= LEAST_MB and wanted.peer_megabytes >= LEAST_PEER_MB,
        other_cores=neighbours.cores,
        disturbed=neighbours.disturbed,
    )


class Bench:
    """The inputs, and one turn of each contestant."""

    def __init__(self, folder: Path, wanted: argparse.Namespace) -> None:
        self.folder, self.wanted = folder, wanted
        data = ROOT / wanted.data
        texts = pieces(read_texts(data / "books", "*.jsonl.gz", wanted.megabytes))
        texts += read_texts(data / "web-text", "*.jsonl*")
        random.Random(0).shuffle(texts)
        self.bytes = {
            kind: write_jsonl(folder / kind / "texts.jsonl", source, megabytes)
            for kind, source, megabytes in (
                ("jsonl", texts, wanted.megabytes),
                ("larger", in_other_orders(texts, wanted.larger), wanted.megabytes * wanted.larger),
                ("slice", texts, wanted.peer_megabytes),
                ("start", texts, 0.3),
            )
        }
        archives = sorted((data / "web-archives").glob("*.warc.gz"))
        self.bytes["warc"] = copy_archives(archives, folder / "warc", wanted.warc_copies)
        self.peer = peer_python("datatrove")
        self.tokenizer = self._train_tokenizer()
        self.start = self._peer("jsonl", "start").cpu_seconds

    def round(self, number: int) -> dict[str, Any]:
        """One turn of each, told as it ends; `number` chooses the other threshold."""
        another = [*RULES[:-1], {**RULES[-1], "max_short_lines": round(0.6 + 0.002 * number, 3)}]
        turns: dict[str, Callable[[], Spent]] = {
            "ours jsonl": lambda: self._ours("jsonl", RULES, fresh=True),
            "ours another threshold": lambda: self._ours("jsonl", another),
            "ours larger": lambda: self._ours("larger", RULES, fresh=True),
            "ours larger another threshold": lambda: self._ours("larger", another),
            "ours slice, 1 worker": lambda: self._ours("slice", RULES, fresh=True, workers=1),
            "ours slice, 2 workers": lambda: self._ours("slice", RULES, fresh=True, workers=2),
            "peer jsonl": lambda: self._peer("jsonl", "slice"),
            "ours warc": lambda: self._ours("warc", RULES, fresh=True),
            "peer warc": lambda: self._peer("warc", "warc"),
        }
        found = {}
        for name, turn in turns.items():
            spent = turn()
            print(f"round {number + 1}, {name}: {spent.cpu_seconds:.1f} CPU s", flush=True)
            found[name] = spent.to_json()
        return found

    def _train_tokenizer(self) -> Path:
        recipe = {
            "recipe": "tokenizer",
            "steps": {
                "corpus": {"step": "curate", "sources": [self._source("slice")]},
                "tokenizer": {"step": "train-tokenizer", "corpus": "corpus", "vocab_size": 8192},
            },
        }
        self._run(recipe)
        return self.folder / "workspace/artifacts/tokenizer/tokenizer@1"

    def _source(self, kind: str) -> dict[str, str]:
        return {
            "type": "warc" if kind == "warc" else "jsonl",
            "path": f"{self.folder / kind}/*",
            "name": "input",
        }

    def _ours(
        self, kind: str, rules: list[dict[str, Any]], *, fresh: bool = False, workers: int | None = None
    ) -> Spent:
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
        options = ["--rerun", *_between(steps)] if fresh else []
        options += ["--workers", str(workers)] if workers is not None else []
        return self._run({"recipe": f"bench-{kind}", "steps": steps}, *options)

    def _run(self, recipe: dict[str, Any], *options: str) -> Spent:
        """Run `recipe`.

        Raises:
            SystemExit: a step was reused, so that there was nothing to measure.
        """
        path = self.folder / "recipe.yaml"
        path.write_text(json.dumps(recipe))  # JSON is YAML
        command = [str(ONTOGENY), "run", str(path), "--workspace", str(self.folder / "workspace"), "--json"]
        spent, output = spend([*command, *options])
        for step in json.loads(output)["steps"]:
            if step["status"] != "done":
                raise SystemExit(f"step {step['name']} was not run but {step['status']}")
        return spent

    def _peer(self, kind: str, source: str) -> Spent:
        command = [str(self.peer), "-m", "benchmarks.peers.datatrove.pipeline_worker", kind]
        command += [str(self.folder / source), str(self.tokenizer / "tokenizer.json")]
        spent, _ = spend([*command, str(self.folder / "peer-work")])
        return spent


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


def in_other_orders(texts: list[str], times: int) -> Iterator[str]:
    """`texts`, and then again and again with the words of each line in another order."""
    yield from texts
    for turn in range(1, times + 1):
        chance = random.Random(turn)
        for text in texts:
            lines = [line.split(" ") for line in text.split("\n")]
            for words in lines:
                chance.shuffle(words)
            yield "\n".join(" ".join(words) for words in lines)


def write_jsonl(path: Path, texts: Iterable[str], megabytes: float) -> int:
    """Write `texts` up to so many megabytes; the bytes of text."""
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


def spend(command: list[str]) -> tuple[Spent, str]:
    """Run `command` and say what it took, and what it wrote.

    Raises:
        SystemExit: it did not end well.
    """
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=errors, text=True
        )
        resident = proportional = 0
        while True:
            try:
                process.wait(timeout=SAMPLE_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                resident = max(resident, resident_bytes(process.pid))
                proportional = max(proportional, proportional_bytes(process.pid))
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            sys.stderr.write(errors.read()[-2000:])
            raise SystemExit(f"`{' '.join(command[:4])}` ended with exit code {process.returncode}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Spent(cpu, time.perf_counter() - started, resident, proportional), output.read()


def figures_of(runs: list[dict[str, Any]], bench: Bench) -> dict[str, Json]:
    """CPU seconds a megabyte of input, peak memory, and how many times fewer ours are."""

    def per_megabyte(name: str, size: int, start: float = 0.0) -> list[float]:
        return [(run[name]["cpu_seconds"] - start) / size * 1e6 for run in runs]

    size = bench.bytes
    jsonl = per_megabyte("ours jsonl", size["jsonl"])
    again = per_megabyte("ours another threshold", size["jsonl"])
    larger_again = per_megabyte("ours larger another threshold", size["larger"])
    peer = per_megabyte("peer jsonl", size["slice"] - size["start"], bench.start)
    warc = per_megabyte("ours warc", size["warc"])
    peer_warc = per_megabyte("peer warc", size["warc"])

    def ratio(theirs: list[float], ours: list[float]) -> Json:
        return summary([a / b for a, b in zip(theirs, ours, strict=True)])

    def peaks(what: str) -> Json:
        return {name: max(int(run[name][what]) for run in runs) for name in runs[0]}

    return {
        "input bytes": {**size},
        "peer's CPU seconds for its first 0.3 MB, taken off with them": bench.start,
        "CPU seconds a MB, JSON lines to shards": {"ours": summary(jsonl), "datatrove": summary(peer)},
        "times fewer, JSON lines to shards (goal 30)": ratio(peer, jsonl),
        "CPU seconds a MB, WARC to shards": {"ours": summary(warc), "datatrove": summary(peer_warc)},
        "times fewer, WARC to shards (goal 5)": ratio(peer_warc, warc),
        "CPU seconds, another threshold": summary(
            [run["ours another threshold"]["cpu_seconds"] for run in runs]
        ),
        "times fewer, another threshold (goal 500)": ratio(peer, again),
        "times fewer, another threshold of the larger input (goal 500)": ratio(peer, larger_again),
        "peak bytes, resident": peaks("resident_bytes"),
        "peak bytes, proportional": peaks("proportional_bytes"),
    }


if __name__ == "__main__":
    main()
