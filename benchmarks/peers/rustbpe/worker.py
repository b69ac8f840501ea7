"""rustbpe: trained on the texts, which is the only way to get a tokenizer of it; then `batch_encode`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

import rustbpe

from benchmarks.peers.tokenizer_job import PATTERN, Encode, Job, serve


def prepare(job: Job) -> Encode:
    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(job.texts(), job.size, pattern=PATTERN)
    return lambda texts: sum(map(len, tokenizer.batch_encode(texts)))


def train(texts: Iterable[str], size: int) -> int:
    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(iter(texts), size, pattern=PATTERN)
    return len(tokenizer.get_mergeable_ranks())


if __name__ == "__main__":
    serve(prepare, train, versions={"rustbpe": version("rustbpe")})
