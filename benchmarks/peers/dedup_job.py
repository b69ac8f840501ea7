"""What every peer of near-duplicate removal is given: texts, their shingles as Python makes them, and its turns.

A turn goes over all texts and says how many CPU seconds signatures took, and how many the search for copies took.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.turns import Turns

N_GRAM = 5
NUM_PERM = 128  # the default of datasketch and rensa

Signatures = Callable[[Sequence[list[str]]], Sequence[Any]]
Copies = Callable[[Sequence[Any], float], list[int]]


def serve_dedup(signatures: Signatures, copies: Copies, **facts: object) -> None:
    """Take turns: shingles and `signatures` of all texts, then the rows that are `copies` at a threshold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", type=Path, help="JSON lines with a field text")
    parser.add_argument("removed", type=Path, help="where to write the rows that are copies, as JSON")
    parser.add_argument("--threshold", type=float, default=0.8)
    job = parser.parse_args()
    texts = [json.loads(line)["text"] for line in job.texts.read_text().splitlines()]
    turns = Turns()
    copies(signatures([shingles(text) for text in texts[:20]]), job.threshold)
    turns.announce(**facts)
    while True:
        turns.wait()
        started = time.process_time()
        shingled = [shingles(text) for text in texts]
        shingling = time.process_time()
        signed = signatures(shingled)
        signing = time.process_time()
        found = copies(signed, job.threshold)
        ended = time.process_time()
        job.removed.write_text(json.dumps(found))
        turns.done(
            removed=float(len(found)),
            shingles_cpu_seconds=shingling - started,
            signatures_cpu_seconds=signing - shingling,
            copies_cpu_seconds=ended - signing,
        )


def shingles(text: str) -> list[str]:
    """Word 5-grams the way a user of these libraries writes them; one of all words where there are fewer."""
    words = text.lower().split()
    return list({" ".join(words[start : start + N_GRAM]) for start in range(max(1, len(words) - N_GRAM + 1))})
