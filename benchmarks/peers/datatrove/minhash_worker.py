"""datatrove's four MinHash stages with their defaults, one task each, in this process.

Signatures are stage 1; the search for copies is stages 2 (buckets), 3 (clusters) and 4 (filter).
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig

from benchmarks.peers.turns import Turns


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", type=Path)
    parser.add_argument("removed", type=Path)
    parser.add_argument("--threshold", type=float, help="not used: datatrove has none but its bands")
    job = parser.parse_args()
    lines = [json.loads(line) for line in job.texts.read_text().splitlines()]
    documents = [Document(text=line["text"], id=str(row)) for row, line in enumerate(lines)]
    turns = Turns()
    work(documents[:20])
    turns.announce(versions={name: version(name) for name in ("datatrove", "spacy", "numpy")})
    while True:
        turns.wait()
        figures, removed = work(documents)
        job.removed.write_text(json.dumps(removed))
        turns.done(**figures, removed=float(len(removed)))


def work(documents: list[Document]) -> tuple[dict[str, float], list[int]]:
    """CPU seconds of signatures and of copies, and the rows that the filter takes out."""
    config, folder = MinhashConfig(), Path(tempfile.mkdtemp())
    started = time.process_time()
    signature = MinhashDedupSignature(str(folder / "signatures"), config)
    signature.run(iter(documents), 0, 1)
    signing = time.process_time()
    for rank in range(config.num_buckets):
        buckets = MinhashDedupBuckets(str(folder / "signatures"), str(folder / "buckets"), config=config)
        buckets.run(None, rank, config.num_buckets)
    MinhashDedupCluster(str(folder / "buckets"), str(folder / "removed"), config=config).run(None, 0, 1)
    chosen = MinhashDedupFilter(str(folder / "removed")).run(iter(documents), 0, 1)
    kept = {document.id for document in chosen}
    ended = time.process_time()
    shutil.rmtree(folder)
    removed = [row for row, document in enumerate(documents) if document.id not in kept]
    return {"signatures_cpu_seconds": signing - started, "copies_cpu_seconds": ended - signing}, removed


if __name__ == "__main__":
    main()
