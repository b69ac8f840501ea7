"""Our contestant in the tokenizer benchmarks: the encoder and the trainer that the steps use, with one thread.

The encoder is made anew in every turn, so that it remembers no word of the turn before; that, its checks against
`tokenizers`, and joining the texts into one buffer are part of the turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from benchmarks.peers.tokenizer_job import Encode, Job, serve
from ontogeny.data.texts import Texts
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.encoder import BatchEncoder
from ontogeny.tokenizer.train import train_bpe

BATCH_TEXTS = 8192


def prepare(job: Job) -> Encode:
    tokenizer = Tokenizer.load(job.tokenizer)

    def encode(texts: list[str]) -> int:
        encoder = BatchEncoder(tokenizer)
        assert encoder.reason is None, encoder.reason
        batches = (Texts.of(texts[at : at + BATCH_TEXTS]) for at in range(0, len(texts), BATCH_TEXTS))
        return sum(len(encoder.encode(batch).ids) for batch in batches)

    return encode


def train(texts: Iterable[str], size: int) -> int:
    return train_bpe(texts, vocab_size=size).vocab_size


if __name__ == "__main__":
    serve(prepare, train, versions={"gigatoken": version("gigatoken"), "numba": version("numba")})
