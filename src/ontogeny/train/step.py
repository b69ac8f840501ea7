"""The step `pretrain`: tokens to a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import model_validator

from ontogeny.core.errors import UsageError
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Ref, Step, StepConfig
from ontogeny.model.config import ModelShape
from ontogeny.train.config import TrainConfig

if TYPE_CHECKING:
    from ontogeny.model.transformer import Transformer
    from ontogeny.tokenizer.codec import Tokenizer

TOKENIZER_PARTS = (
    "model",
    "added_tokens",
    "normalizer",
    "pre_tokenizer",
)  # of tokenizer.json: what decides the ids


class PretrainConfig(StepConfig):
    """Settings of `pretrain`. Give `model`, the sizes of a new one, or `init`, one to go on with."""

    step: Literal["pretrain"] = "pretrain"
    tokens: Annotated[str, Ref("tokens")]
    """What is read."""
    model: ModelShape | None = None
    """Sizes of a new model."""
    init: Annotated[str, Ref("model")] | None = None
    """A model to go on with; its tokenizer must be that of the tokens."""
    train: TrainConfig
    """How it is trained."""

    @model_validator(mode="after")
    def _check(self) -> PretrainConfig:
        if (self.model is None) == (self.init is None):
            raise ValueError(
                "give either `model` (sizes of a new one) or `init` (one to go on with), one of the two"
            )
        if (
            self.model is not None
            and self.train.seq_len is not None
            and self.train.seq_len > self.model.seq_len
        ):
            raise ValueError(
                f"`train.seq_len` ({self.train.seq_len}) is longer than `model.seq_len` ({self.model.seq_len}): "
                "lower the one or raise the other"
            )
        return self


def run(config: PretrainConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Plan, train, measure, write a Hugging Face folder."""
    import shutil

    from ontogeny.core.seeds import derive_seed
    from ontogeny.model.formats import huggingface
    from ontogeny.tokenizer.codec import Tokenizer
    from ontogeny.tokenizer.shards import TokenShards
    from ontogeny.train.metrics_log import METRICS_FILE
    from ontogeny.train.packing import PACKING_FILE
    from ontogeny.train.pretrain import held_out_bits_per_byte, plan_pretraining, pretrain

    tokens = inputs["tokens"]
    shards = TokenShards.open(tokens.path)
    tokenizer = Tokenizer.load(tokens.path / "tokenizer")
    seed = derive_seed(context.seed, "order")
    if config.model is not None:  # what only the data can tell comes first, before anything is computed
        seq_len = config.train.seq_len or config.model.seq_len
        plan = plan_pretraining(shards, config=config.train, seq_len=seq_len, seed=seed)
        model = _new_model(config.model, tokenizer, context)
    else:
        model = _model_to_go_on_with(inputs["init"], tokens, context)
        seq_len = config.train.seq_len or model.config.seq_len
        check_context(seq_len, model)
        plan = plan_pretraining(shards, config=config.train, seq_len=seq_len, seed=seed)
    trained = pretrain(
        model,
        shards,
        plan,
        config=config.train,
        folder=context.scratch,
        progress=context.progress,
        seed=seed,
        origin=inputs["init"].digest if config.init is not None else str(context.seed),
    )
    bits = held_out_bits_per_byte(model, tokenizer, shards, progress=context.progress)
    figures = {**trained.figures, "held_out_bits_per_byte": bits}
    huggingface.save(model, context.payload, tokenizer=tokenizer)
    plan.save(context.payload / PACKING_FILE)
    shutil.copyfile(trained.metrics_path, context.payload / METRICS_FILE)
    return Outputs(metrics={**figures, "packing_digest": plan.digest}, spent=trained.spent)


def check_context(seq_len: int, model: Transformer) -> None:
    """Refuse rows that the model cannot read.

    Raises:
        UsageError: names both lengths.
    """
    if seq_len > model.config.seq_len:
        raise UsageError(
            f"`train.seq_len` ({seq_len}) is longer than the model's context ({model.config.seq_len})",
            hint=f"lower it to at most {model.config.seq_len}",
        )


def _new_model(shape: ModelShape, tokenizer: Tokenizer, context: Context) -> Transformer:
    from ontogeny.core.seeds import derive_seed
    from ontogeny.model.init import initialise
    from ontogeny.model.transformer import Transformer

    model = Transformer(shape.resolve(tokenizer.vocab_size)).to(context.device)
    initialise(model, derive_seed(context.seed, "weights"))
    return model


def _model_to_go_on_with(init: Artifact, tokens: Artifact, context: Context) -> Transformer:
    import torch

    from ontogeny.core.files import read_json
    from ontogeny.model.formats import huggingface
    from ontogeny.tokenizer.codec import TOKENIZER_FILE

    one, other = read_json(init.path / TOKENIZER_FILE), read_json(tokens.path / "tokenizer" / TOKENIZER_FILE)
    if any(one.get(part) != other.get(part) for part in TOKENIZER_PARTS):
        raise UsageError(
            f"{init.name} has another tokenizer than the tokens {tokens.name}",
            hint="make the tokens with `tokenizer:` set to that model",
        )
    return huggingface.load(init.path, context.device, dtype=torch.float32)


PRETRAIN = Step(
    name="pretrain",
    version=1,
    config=PretrainConfig,
    output="model",
    run=run,
    summary=("held_out_bits_per_byte",),
)
