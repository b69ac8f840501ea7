"""tokenizers: the batch call without offsets, on all cores; and the trainer with the same pattern."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from benchmarks.peers.tokenizer_job import PATTERN, Encode, Job, serve


def prepare(job: Job) -> Encode:
    tokenizer = Tokenizer.from_file(str(job.tokenizer))
    return lambda texts: sum(
        len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    )


def train(texts: Iterable[str], size: int) -> int:
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated")
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, by_bytes])
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return int(tokenizer.get_vocab_size())


if __name__ == "__main__":
    serve(prepare, train, versions={"tokenizers": version("tokenizers")})
