"""The steps `train-tokenizer` (a corpus to a tokenizer), `import-tokenizer` (an outside file to one) and `tokenize`
(a corpus to token shards).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ontogeny.core.errors import RecipeError
from ontogeny.core.files import canonical_json, write_atomic
from ontogeny.core.workers import usable_cores
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Ref, Step, StepConfig
from ontogeny.tokenizer.config import END_OF_TEXT, LEAST_VOCAB_SIZE, TiktokenPattern

if TYPE_CHECKING:
    from ontogeny.data.texts import Texts

TRAIN, HELD_OUT = "train", "held_out"
MAX_VOCAB_SIZE = 1 << 20
FIGURES_FILE = "figures.json"
COMPANIONS = ("tokenizer_config.json", "chat_template.jinja")
VOCAB_FILES = ("encoder.json", "vocab.bpe", "vocab.json", "merges.txt", "special_tokens_map.json")
TOKENIZER_FILES = ("tokenizer.json", "*.model", "*.tiktoken", *VOCAB_FILES, *COMPANIONS)
SHOWN_TOKENS = 8


class TrainTokenizerConfig(StepConfig):
    """Settings of `train-tokenizer`."""

    step: Literal["train-tokenizer"] = "train-tokenizer"
    corpus: Annotated[str, Ref("corpus")]
    """Its training documents are what is learnt from."""
    vocab_size: int = Field(ge=LEAST_VOCAB_SIZE, le=MAX_VOCAB_SIZE)
    """Entries, three special tokens and 256 bytes included."""


class ImportTokenizerConfig(StepConfig):
    """Settings of `import-tokenizer`."""

    step: Literal["import-tokenizer"] = "import-tokenizer"
    path: str
    """A tokenizer.json, a SentencePiece .model, a .tiktoken file, GPT-2's encoder.json (or vocab.json) with its merges
    beside it, or a folder with one of them."""
    pattern: TiktokenPattern | None = None
    """How a .tiktoken file, or a vocabulary with merges, cuts text into words; not needed where its name says so, as
    cl100k_base and encoder.json do."""
    end_of_text: str | None = None
    """Its token that ends a document, where that is not <|endoftext|> and tokenizer_config.json does not say."""


class TokenizeConfig(StepConfig):
    """Settings of `tokenize`."""

    step: Literal["tokenize"] = "tokenize"
    corpus: Annotated[str, Ref("corpus")]
    """What is tokenized, held-out documents included."""
    tokenizer: Annotated[str, Ref("tokenizer", "model", "adapter")]
    """A tokenizer, or a model for the one it has."""


def run_train_tokenizer(
    config: TrainTokenizerConfig, inputs: Mapping[str, Artifact], context: Context
) -> Outputs:
    """Learn merges from the training documents, measure on the held-out ones."""
    from ontogeny.tokenizer.corpus import corpus_batches
    from ontogeny.tokenizer.fertility import bytes_per_token
    from ontogeny.tokenizer.train import train_bpe_on_batches

    corpus, workers = inputs["corpus"].path, context.workers or usable_cores()
    total = inputs["corpus"].manifest.metrics.get("bytes_kept")
    with context.progress.bar("counting words", total=total, unit="bytes") as bar:

        def batches() -> Iterator[Texts]:
            for batch in corpus_batches(corpus, TRAIN):
                yield batch.texts
                bar.advance(len(batch.texts.data))

        tokenizer = train_bpe_on_batches(batches(), vocab_size=config.vocab_size, workers=workers)
    tokenizer.save(context.payload)
    if tokenizer.vocab_size < config.vocab_size:
        context.progress.note(f"the text has pairs for {tokenizer.vocab_size:,} entries only")
    held_out = bytes_per_token(tokenizer, lambda: corpus_batches(corpus, HELD_OUT), parallel=workers > 1)
    return Outputs({"vocab_size": tokenizer.vocab_size, "bytes_per_token": held_out})


def import_tokenizer_files(config: ImportTokenizerConfig) -> list[Path]:
    """The files that make up the tokenizer.

    Raises:
        RecipeError: there is nothing at `path`.
    """
    place = Path(config.path).expanduser()
    if not place.exists():
        raise RecipeError(
            f"no file or folder {config.path}", hint="`path` names a tokenizer.json, .model or .tiktoken file"
        )
    if place.is_dir():
        return sorted(path for pattern in TOKENIZER_FILES for path in place.glob(pattern))
    beside = (*VOCAB_FILES, *COMPANIONS) if place.name in VOCAB_FILES else COMPANIONS
    others = (place.parent / name for name in beside if name != place.name)
    return [place, *(path for path in others if path.is_file())]


def run_import_tokenizer(
    config: ImportTokenizerConfig, inputs: Mapping[str, Artifact], context: Context
) -> Outputs:
    """Read a tokenizer of another maker, and write it as every engine reads it."""
    from ontogeny.tokenizer.codec import Tokenizer

    tokenizer = Tokenizer.load(Path(config.path).expanduser(), pattern=config.pattern)
    if config.end_of_text is not None:
        if tokenizer.end_of_text == END_OF_TEXT and END_OF_TEXT in tokenizer.special_ids:
            raise RecipeError(
                f"the tokenizer has {END_OF_TEXT}, which ends documents here", hint="leave `end_of_text` out"
            )
        tokenizer.end_of_text = config.end_of_text
    if tokenizer.end_of_text not in tokenizer.special_ids:
        known = ", ".join(sorted(tokenizer.special_ids)[:SHOWN_TOKENS]) or "none"
        raise RecipeError(
            f"the tokenizer has no special token {tokenizer.end_of_text!r} to end documents with",
            hint=f"set `end_of_text` to one that it has: {known}",
        )
    tokenizer.save(context.payload)
    return Outputs(
        {
            "vocab_size": tokenizer.vocab_size,
            "special_tokens": len(tokenizer.special_ids),
            "end_of_text": tokenizer.end_of_text,
            "chat_template": tokenizer.chat_template is not None,
        }
    )


def run_tokenize(config: TokenizeConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Encode every document, and keep the tokenizer beside the tokens."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from ontogeny.tokenizer.codec import Tokenizer
    from ontogeny.tokenizer.corpus import corpus_batches
    from ontogeny.tokenizer.fertility import fertility
    from ontogeny.tokenizer.shards import Ends, read_index, write_batches

    tokenizer = Tokenizer.load(inputs["tokenizer"].path)
    beside = context.payload / "tokenizer"
    beside.mkdir()
    tokenizer.save(beside)
    total = inputs["corpus"].manifest.metrics.get("bytes_kept")
    with context.progress.bar("tokenize", total=total, unit="bytes") as bar:
        for size in write_batches(
            context.payload,
            lambda: corpus_batches(inputs["corpus"].path),
            tokenizer,
            parallel=(context.workers or usable_cores()) > 1,
            note=context.progress.note,
        ):
            bar.advance(size)
    index = read_index(context.payload, ["length", "split", "source", "language", "bytes"])
    figures = fertility(index, ends=Ends.of(tokenizer).count)
    write_atomic(context.payload / FIGURES_FILE, canonical_json(figures) + b"\n")
    held_out = index.filter(pc.equal(index.column("split"), pa.scalar(HELD_OUT)))
    return Outputs(
        {
            "tokens": pc.sum(index.column("length")).as_py() or 0,
            "held_out_tokens": pc.sum(held_out.column("length")).as_py() or 0,
            "documents": len(index),
            "bytes_per_token": figures["all"]["bytes_per_token"],
        }
    )


TRAIN_TOKENIZER = Step(
    "train-tokenizer", 1, TrainTokenizerConfig, "tokenizer", run_train_tokenizer, summary=("bytes_per_token",)
)
IMPORT_TOKENIZER = Step(
    "import-tokenizer",
    1,
    ImportTokenizerConfig,
    "tokenizer",
    run_import_tokenizer,
    external_files=import_tokenizer_files,
    summary=("vocab_size",),
)
TOKENIZE = Step("tokenize", 4, TokenizeConfig, "tokens", run_tokenize, summary=("tokens",))
