"""tiktoken: `encode_ordinary_batch` with two threads, as the benchmarks of other projects call it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import version

import tiktoken

from benchmarks.peers.tokenizer_job import PATTERN, Encode, Job, serve

THREADS = 2


def prepare(job: Job) -> Encode:
    definition = json.loads(job.tokenizer.read_text())
    special = {token["content"] for token in definition["added_tokens"]}
    names = [name for name in definition["model"]["vocab"] if name not in special]
    names.sort(key=definition["model"]["vocab"].__getitem__)
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    ranks = {bytes(byte_of[character] for character in name): rank for rank, name in enumerate(names)}
    encoding = tiktoken.Encoding("compared", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
    return lambda texts: sum(map(len, encoding.encode_ordinary_batch(texts, num_threads=THREADS)))


def byte_characters() -> list[str]:
    """GPT-2's characters for bytes (openai/gpt-2, src/encoder.py)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def train(texts: Iterable[str], size: int) -> int:
    raise SystemExit("tiktoken does not train")


if __name__ == "__main__":
    serve(prepare, train, versions={"tiktoken": version("tiktoken")})
