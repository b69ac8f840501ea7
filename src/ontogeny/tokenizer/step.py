"""The steps `train-tokenizer` (a corpus to a tokenizer) and `tokenize` (a corpus to token shards)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Ref, Step, StepConfig
from ontogeny.tokenizer.config import LEAST_VOCAB_SIZE

if TYPE_CHECKING:
    from ontogeny.tokenizer.shards import TokenDocument

TRAIN, HELD_OUT = "train", "held_out"
MAX_VOCAB_SIZE = 1 << 20
READ_ROWS = 1024


class TrainTokenizerConfig(StepConfig):
    """Settings of `train-tokenizer`."""

    step: Literal["train-tokenizer"] = "train-tokenizer"
    corpus: Annotated[str, Ref("corpus")]
    """Its training documents are what is learnt from."""
    vocab_size: int = Field(ge=LEAST_VOCAB_SIZE, le=MAX_VOCAB_SIZE)
    """Entries, three special tokens and 256 bytes included."""


class TokenizeConfig(StepConfig):
    """Settings of `tokenize`."""

    step: Literal["tokenize"] = "tokenize"
    corpus: Annotated[str, Ref("corpus")]
    """What is tokenized, held-out documents included."""
    tokenizer: Annotated[str, Ref("tokenizer", "model")]
    """A tokenizer, or a model for the one it has."""


def run_train_tokenizer(
    config: TrainTokenizerConfig, inputs: Mapping[str, Artifact], context: Context
) -> Outputs:
    """Learn merges from the training documents, measure on the held-out ones."""
    from ontogeny.tokenizer.train import train_bpe

    corpus = inputs["corpus"].path
    tokenizer = train_bpe(
        (document.text for document in _documents(corpus, TRAIN)), vocab_size=config.vocab_size
    )
    tokenizer.save(context.payload)
    size = tokens = 0
    for document in _documents(corpus, HELD_OUT):
        size += len(document.text.encode())
        tokens += len(tokenizer.encode(document.text))
    if tokenizer.vocab_size < config.vocab_size:
        context.progress.note(f"the text has pairs for {tokenizer.vocab_size:,} entries only")
    return Outputs({"vocab_size": tokenizer.vocab_size, "bytes_per_token": size / tokens if tokens else None})


def run_tokenize(config: TokenizeConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Encode every document, and keep the tokenizer beside the tokens."""
    from ontogeny.tokenizer.codec import Tokenizer
    from ontogeny.tokenizer.shards import TokenShards, write_shards

    tokenizer = Tokenizer.load(inputs["tokenizer"].path)
    beside = context.payload / "tokenizer"
    beside.mkdir()
    tokenizer.save(beside)
    total = inputs["corpus"].manifest.metrics.get("bytes_kept")
    with context.progress.bar("tokenize", total=total, unit="bytes") as bar:
        for size in write_shards(context.payload, _documents(inputs["corpus"].path), tokenizer):
            bar.advance(size)
    index = TokenShards.open(context.payload).documents
    held_out = index["split"] == HELD_OUT
    return Outputs(
        {
            "tokens": int(index["length"].sum()),
            "held_out_tokens": int(index["length"][held_out].sum()),
            "documents": len(index["length"]),
        }
    )


def _documents(corpus: Path, split: str | None = None) -> Iterator[TokenDocument]:
    """The documents of a corpus, or those of one split, in its order."""
    import pyarrow.parquet as pq

    from ontogeny.tokenizer.shards import TokenDocument

    columns = ["doc_id", "text", "split", "source", "group"]
    for part in sorted(corpus.glob("part-*.parquet")):
        for batch in pq.ParquetFile(part).iter_batches(READ_ROWS, columns=columns):
            for row in batch.to_pylist():
                if split is None or row["split"] == split:
                    yield TokenDocument(**row)


TRAIN_TOKENIZER = Step(
    "train-tokenizer", 1, TrainTokenizerConfig, "tokenizer", run_train_tokenizer, summary=("bytes_per_token",)
)
TOKENIZE = Step("tokenize", 1, TokenizeConfig, "tokens", run_tokenize, summary=("tokens",))
