"""datasketch: MinHash in one bulk call, then MinHashLSH, queried before each insertion."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from datasketch import MinHash, MinHashLSH

from benchmarks.peers.dedup_job import NUM_PERM, serve_dedup


def signatures(shingled: Sequence[list[str]]) -> Sequence[Any]:
    encoded = [[shingle.encode() for shingle in shingles] for shingles in shingled]
    minhashes: Sequence[Any] = MinHash.bulk(encoded, num_perm=NUM_PERM)
    return minhashes


def copies(minhashes: Sequence[Any], threshold: float) -> list[int]:
    index, found = MinHashLSH(threshold=threshold, num_perm=NUM_PERM), []
    for row, minhash in enumerate(minhashes):
        if index.query(minhash):
            found.append(row)
        else:
            index.insert(str(row), minhash)
    return found


if __name__ == "__main__":
    serve_dedup(signatures, copies, versions={"datasketch": version("datasketch")})
