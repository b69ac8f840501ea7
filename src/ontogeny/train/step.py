"""The step `pretrain`: tokens to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ValidationError, model_validator

from ontogeny.core.errors import UsageError
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Ref, Step, StepConfig
from ontogeny.model.config import ModelConfig, ModelShape
from ontogeny.train.config import IMMATERIAL, TrainBesideSize, TrainConfig
from ontogeny.train.config_by_size import OVERRIDES, WholeOrBesideSize
from ontogeny.train.config_mistakes import reason_of
from ontogeny.train.config_mixture import Packing, WhatIsRead, check_mixture
from ontogeny.train.config_model import check_model
from ontogeny.train.config_optimizer import MuonConfig
from ontogeny.train.out_of_memory import memory_is_a_setting
from ontogeny.train.size import Derived, Size, derive

if TYPE_CHECKING:
    from ontogeny.model.transformer import Transformer
    from ontogeny.tokenizer.codec import Tokenizer
    from ontogeny.train.packing import PackingPlan
    from ontogeny.train.pretrain import Shards

TOKENIZER_PARTS = (
    "model",
    "added_tokens",
    "normalizer",
    "pre_tokenizer",
)  # of tokenizer.json: what decides the ids
MANY_EPOCHS = 4  # beyond it, repeats teach visibly less than fresh text: arXiv 2305.16264, section 5


class PretrainConfig(StepConfig):
    """Settings of `pretrain`.

    Give `model`, the sizes of a new one, `size`, one number that says how large it is and how it learns, or `init`, one
    to go on with.
    """

    step: Literal["pretrain"] = "pretrain"
    tokens: WhatIsRead
    """What is read: tokens, or the parts of a mixture."""
    model: ModelShape | None = None
    """Sizes of a new model."""
    size: Size | None = None
    """Depth of a new model, from which its other sizes, tokens, batch and rates are derived."""
    init: Annotated[str, Ref("model", "adapter")] | None = None
    """A model to go on with; its tokenizer must be that of the tokens."""
    packing: Packing = "end-to-end"
    """How documents are laid into rows. best-fit: in an order in which hardly any that fits in a row is cut."""
    train: WholeOrBesideSize = TrainBesideSize()
    """How it is trained; beside `size`, what that does not derive."""

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return self.train.processes

    @model_validator(mode="after")
    def _check(self) -> PretrainConfig:
        if [self.model, self.size, self.init].count(None) != 2:
            raise ValueError(
                "give either `model` (sizes of a new one), `size` (its depth) or `init` (one to go on with), "
                "one of the three"
            )
        if self.size is not None:
            if isinstance(self.train, TrainConfig):
                raise ValueError("`size` derives the whole of training: give `train` what stands beside it")
            if not isinstance(self.tokens, str):
                check_mixture(self.tokens, self.train)
            return self
        if not isinstance(self.train, TrainConfig):
            raise ValueError("`train` needs `steps` or `epochs`, one of the two")
        if (
            self.model is not None
            and self.train.seq_len is not None
            and self.train.seq_len > self.model.seq_len
        ):
            raise ValueError(
                f"`train.seq_len` ({self.train.seq_len}) is longer than `model.seq_len` ({self.model.seq_len}): "
                "lower the one or raise the other"
            )
        optimizer = self.train.optimizer
        tied = self.model is not None and self.model.tie_embeddings
        if tied and isinstance(optimizer, MuonConfig) and optimizer.embedding_lr is not None:
            raise ValueError(
                "`train.optimizer.embedding_lr` has no effect, since `model.tie_embeddings` makes the embedding the "
                "head as well: give `adam_lr`, or untie them"
            )
        if not isinstance(self.tokens, str):
            check_mixture(self.tokens, self.train)
        return self

    @property
    def training(self) -> TrainConfig:
        """The whole of `train`, of settings without `size`."""
        assert isinstance(self.train, TrainConfig), "`size` is resolved first"
        return self.train

    def sized(self, vocab_size: int) -> tuple[PretrainConfig, tuple[Derived, ...]]:
        """The same with `model` and `train` instead of `size`, and what was derived; itself where it has no `size`.

        Raises:
            UsageError: what `size` comes to does not fit together, or not with the mixture.
        """
        if self.size is None or isinstance(self.train, TrainConfig):
            return self, ()
        found = derive(self.size, vocab_size=vocab_size, beside=self.train)
        said = {name: getattr(self, name) for name in type(self).model_fields}
        try:
            whole = PretrainConfig(**{**said, "model": found.model, "size": None, "train": found.train})
        except ValidationError as error:
            raise UsageError(
                f"what `size` comes to does not fit: {reason_of(error)}", where="size", hint=OVERRIDES
            ) from error
        return whole, found.values


@dataclass(frozen=True)
class Prepared:
    """All that training needs: `config` without `size`, what that derived, the model as it begins, and its data."""

    config: PretrainConfig
    derived: tuple[Derived, ...]
    tokenizer: Tokenizer
    model: Transformer
    plan: PackingPlan
    shards: Shards
    mixture: dict[str, Any]
    seed: int
    origin: str


def prepare(config: PretrainConfig, inputs: Mapping[str, Artifact], context: Context) -> Prepared:
    """Read, plan and make the model; what only the data can tell is refused first.

    Raises:
        UsageError: the inputs do not fit together, or not with the settings, or are too few tokens for them.
        DataError: documents of a mixture that do not serve.
    """
    from ontogeny.core.seeds import derive_seed
    from ontogeny.tokenizer.codec import Tokenizer

    read = _what_is_read(config, inputs)
    tokens = next(iter(read.values()))
    tokenizer = Tokenizer.load(tokens.path / "tokenizer")
    config, derived = config.sized(tokenizer.vocab_size)
    for value in derived:
        context.progress.note(value.line)
    seed = derive_seed(context.seed, "order")
    if config.model is not None:
        shape = config.model.resolve(tokenizer.vocab_size)
        check_model(config.training, shape)
        plan, shards, mixture = _plan(config, read, model=shape, seed=seed, by_size=bool(derived))
        if derived and isinstance(config.tokens, str):
            _note_repeats(config.training, plan, context)
        model = _new_model(shape, config.training, context)
    else:
        model = _model_to_go_on_with(inputs["init"], tokens, config.training, context)
        check_model(config.training, model.config)
        plan, shards, mixture = _plan(config, read, model=model.config, seed=seed)
    _note_small_batches(config.training, context)
    origin = _origin(config, inputs, read, context)
    return Prepared(config, derived, tokenizer, model, plan, shards, mixture, seed, origin)


def run(config: PretrainConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Plan, train, measure, write a Hugging Face folder."""
    from ontogeny.model.formats import huggingface
    from ontogeny.train.packing import PACKING_FILE
    from ontogeny.train.pretrain import held_out_bits_per_byte, pretrain
    from ontogeny.train.report import write_training_report
    from ontogeny.train.snapshot_folders import snapshots_in

    ready = prepare(config, inputs, context)
    config, model, plan, tokenizer = ready.config, ready.model, ready.plan, ready.tokenizer
    with memory_is_a_setting(config.training):
        trained = pretrain(
            model,
            ready.shards,
            plan,
            config=config.training,
            folder=context.scratch,
            progress=context.progress,
            seed=ready.seed,
            device=context.device,
            origin=ready.origin,
            tokenizer=tokenizer,
        )
    bits = held_out_bits_per_byte(model, tokenizer, ready.shards, progress=context.progress)
    figures = {**trained.figures, "held_out_bits_per_byte": bits, **ready.mixture}
    if ready.derived:
        figures["size"] = [asdict(value) for value in ready.derived]
    huggingface.save(model, context.payload, tokenizer=tokenizer)
    plan.until(trained.figures["steps"]).save(context.payload / PACKING_FILE)
    trained.publish(context.payload)
    write_training_report(
        context.payload,
        title="Pretraining",
        settings=config.model_dump(mode="json", exclude={"train": IMMATERIAL}),
        figures=figures | trained.spent,
        plan=plan,
        snapshots=snapshots_in(context.payload),
    )
    return Outputs(metrics={**figures, "packing_digest": plan.digest}, spent=trained.spent)


def _note_repeats(train: TrainConfig, plan: PackingPlan, context: Context) -> None:
    """Say so where what `size` derives reads the documents often."""
    assert train.steps is not None  # derived
    epochs = train.steps * train.batch_rows / plan.rows
    if epochs > MANY_EPOCHS:
        context.progress.note(
            f"this reads the training documents {epochs:.1f} times; beyond {MANY_EPOCHS} repeats teach little "
            "(arXiv 2305.16264): lower `size.tokens` or `size.depth`, or bring more text; should the held-out loss "
            "rise again, `train.keep: {best: true}` and `train.early_stopping` go by it"
        )


def _note_small_batches(train: TrainConfig, context: Context) -> None:
    """Say of phases which of them `micro_batch_rows` does not concern."""
    for number, rows in enumerate(train.batches, 1):
        if rows < (train.micro_batch_rows or 0):
            context.progress.note(
                f"phase {number} has {rows:,} rows a batch, fewer than `micro_batch_rows` "
                f"({train.micro_batch_rows:,}): they are computed at once"
            )


def _origin(
    config: PretrainConfig, inputs: Mapping[str, Artifact], read: Mapping[str, Artifact], context: Context
) -> str:
    """Names the weights before, and what every token reads: a plan alone knows only where documents lie."""
    begun = inputs["init"].digest if config.init is not None else str(context.seed)
    return " ".join([begun, *(artifact.digest for artifact in read.values())])


def _what_is_read(config: PretrainConfig, inputs: Mapping[str, Artifact]) -> dict[str, Artifact]:
    """The tokens that each name in `tokens` stands for.

    Raises:
        UsageError: parts of a mixture have different tokenizers.
    """
    if isinstance(config.tokens, str):
        return {config.tokens: inputs["tokens"]}
    read = {part.tokens: inputs[f"tokens.{place}.tokens"] for place, part in enumerate(config.tokens)}
    first, *others = read.values()
    for other in others:
        if differs := _difference(other.path / "tokenizer", first.path / "tokenizer"):
            raise UsageError(
                f"{other.name} {differs} {first.name}",
                hint="a mixture has one tokenizer: give the `tokenize` steps the same",
            )
    return read


def _plan(
    config: PretrainConfig,
    read: Mapping[str, Artifact],
    *,
    model: ModelConfig,
    seed: int,
    by_size: bool = False,
) -> tuple[PackingPlan, Shards, dict[str, Any]]:
    """The packing plan, what it leads to, and the metrics of a mixture.

    Raises:
        UsageError: too few tokens; where `size` derived how many are asked for (`by_size`), in its words.
    """
    from ontogeny.train.packing import TooFewTokens

    try:
        return _planned(config, read, seq_len=config.training.seq_len or model.seq_len, seed=seed)
    except TooFewTokens as error:
        if not by_size:
            raise
        raise UsageError(
            f"what `size` comes to does not fit: {error.message}",
            where="size",
            hint=f"{OVERRIDES}; or bring more text",
        ) from error


def _planned(
    config: PretrainConfig, read: Mapping[str, Artifact], *, seq_len: int, seed: int
) -> tuple[PackingPlan, Shards, dict[str, Any]]:
    from ontogeny.tokenizer.shards import TokenShards
    from ontogeny.train.pretrain import plan_mixture, plan_pretraining

    if isinstance(config.tokens, str):
        shards = TokenShards.open(read[config.tokens].path)
        plan = plan_pretraining(
            shards, config=config.training, seq_len=seq_len, seed=seed, packing=config.packing
        )
        return plan, shards, {}
    # One artifact may go by several names, such as an alias: what counts is what it holds.
    names: dict[str, str] = {}
    for name, artifact in read.items():
        names.setdefault(artifact.digest, name)
    parts = [part.model_copy(update={"tokens": names[read[part.tokens].digest]}) for part in config.tokens]
    artifacts = {name: TokenShards.open(read[name].path) for name in names.values()}
    plan, joined, mixture = plan_mixture(
        parts, artifacts, config=config.training, seq_len=seq_len, seed=seed, packing=config.packing
    )
    return plan, joined, {"mixture": mixture}


def _new_model(shape: ModelConfig, train: TrainConfig, context: Context) -> Transformer:
    from ontogeny.core.seeds import derive_seed
    from ontogeny.model.init import initialise
    from ontogeny.model.transformer import Transformer
    from ontogeny.train.ranks import whole_model_device

    device = whole_model_device(context.device, processes=train.processes)
    model = Transformer.without_weights(shape)
    if device != "meta":
        model.to_empty(device=device)
        model.make_tables(device)
        initialise(model, derive_seed(context.seed, "weights"))
    return model


def _model_to_go_on_with(
    init: Artifact, tokens: Artifact, train: TrainConfig, context: Context
) -> Transformer:
    import torch

    from ontogeny.model.formats import stored
    from ontogeny.train.ranks import whole_model_device

    if differs := _difference(init.path, tokens.path / "tokenizer"):
        raise UsageError(
            f"{init.name} {differs} the tokens {tokens.name}",
            hint="make the tokens with `tokenizer:` set to that model",
        )
    device = whole_model_device(context.device, processes=train.processes)
    if device == "meta":
        return stored.without_weights(init.path)
    return stored.load(init.path, device, dtype=torch.float32)


def _difference(one: Path, other: Path) -> str | None:
    """What sets the tokenizer in `one` apart from that in `other`, said of the first; None where ids are the same."""
    from ontogeny.core.files import read_json
    from ontogeny.tokenizer.codec import TOKENIZER_FILE, Tokenizer
    from ontogeny.tokenizer.shards import Ends

    first, second = read_json(one / TOKENIZER_FILE), read_json(other / TOKENIZER_FILE)
    if any(first.get(part) != second.get(part) for part in TOKENIZER_PARTS):
        return "has another tokenizer than"
    begun, others = Tokenizer.load(one), Tokenizer.load(other)
    if Ends.of(begun).begin != Ends.of(others).begin:
        token = begun.begin_of_text if begun.adds_begin else "no token of its own"
        return f"begins a document with {token}, otherwise than"
    return None


PRETRAIN = Step(
    name="pretrain",
    version=3,
    config=PretrainConfig,
    output="model",
    run=run,
    summary=("held_out_bits_per_byte",),
)
