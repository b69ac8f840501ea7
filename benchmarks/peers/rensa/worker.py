"""rensa: R-MinHash in one batch call, then its LSH index, queried before each insertion."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from rensa import RMinHash, RMinHashDeduplicator

from benchmarks.peers.dedup_job import NUM_PERM, serve_dedup

NUM_BANDS = 16
SEED = 42


def signatures(shingled: Sequence[list[str]]) -> Sequence[Any]:
    minhashes: Sequence[Any] = RMinHash.from_token_sets(shingled, NUM_PERM, SEED)
    return minhashes


def copies(minhashes: Sequence[Any], threshold: float) -> list[int]:
    index = RMinHashDeduplicator(threshold, NUM_PERM, True, NUM_BANDS, SEED)
    fresh = [index.add(str(row), minhash) for row, minhash in enumerate(minhashes)]
    return [row for row, new in enumerate(fresh) if not new]


if __name__ == "__main__":
    serve_dedup(signatures, copies, versions={"rensa": version("rensa")})
