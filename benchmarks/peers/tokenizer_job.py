"""What every contestant of the tokenizer benchmarks is given: texts, a pattern, a size; and the two kinds of work.

`encode`: everything is loaded, then the texts are encoded once a turn. `train`: a process of its own learns from the
texts, which it reads as it goes, says what that took, and ends; so its peak memory is that of the training.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks.peers.turns import Turns

# Qwen2's pattern, as every contestant gets it (src/ontogeny/tokenizer/config.py; a test compares them).
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

Encode = Callable[[list[str]], int]
Prepare = Callable[["Job"], Encode]
Train = Callable[[Iterable[str], int], int]


class Job:
    """The arguments of a contestant."""

    def __init__(self) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("work", choices=("encode", "train"))
        parser.add_argument("texts", type=Path, help="JSON lines, each a string")
        parser.add_argument("--tokenizer", type=Path, help="a tokenizer.json, for encoding")
        parser.add_argument("--size", type=int, default=16_384, help="entries to learn")
        given = parser.parse_args()
        self.work: str = given.work
        self.tokenizer: Path = given.tokenizer
        self.size: int = given.size
        self._texts: Path = given.texts

    def texts(self) -> Iterator[str]:
        """One after the other, as they are read."""
        with self._texts.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def serve(prepare: Prepare, train: Train, **facts: object) -> None:
    """Do what the arguments ask for. `prepare` gives a function from texts to the number of their tokens."""
    job = Job()
    if job.work == "train":
        _train(job, train, facts)
    texts, encode = list(job.texts()), prepare(job)
    turns = Turns()
    encode(texts[:100])
    turns.announce(**facts)
    while True:
        turns.wait()
        cpu = time.process_time()
        tokens = encode(texts)
        turns.done(cpu_seconds=time.process_time() - cpu, tokens=tokens)


def _train(job: Job, train: Train, facts: dict[str, object]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    entries = train(job.texts(), job.size)
    figures = {
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "entries": entries,
    }
    print(json.dumps({**figures, "facts": facts}))
    sys.exit(0)
