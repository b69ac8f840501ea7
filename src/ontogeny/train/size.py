"""One dial: from the number of layers to the model, the batch, the rates and the tokens, by named and cited rules.

    found = derive(Size(depth=4), vocab_size=4096)
    found.model, found.train                      what `model` and `train` of a step would say
    for value in found.values: print(value.line)  each with its rule, its source, and whether it was given instead

The rules hold between laptop models of a few layers and some 32 layers, on a single machine; what they come to beside
published runs is in docs/stages/pretraining.md. This module imports no torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from ontogeny.core.errors import UsageError
from ontogeny.lineage.step import Settings
from ontogeny.model.config import SWIGLU_RATIO, ModelShape
from ontogeny.model.flops import matmul_weights
from ontogeny.train.config import TrainBesideSize, TrainConfig
from ontogeny.train.config_by_size import OVERRIDES
from ontogeny.train.config_mistakes import reason_of
from ontogeny.train.config_optimizer import Momentum, MuonConfig, Positive, ScheduleConfig
from ontogeny.train.size_rules import (
    ADAM_LR,
    BATCH_EXPONENT,
    BATCH_REFERENCE,
    BETA2,
    BETA2_BATCH,
    DECAY_FRACTION,
    DECAY_TIMESCALE,
    EMBEDDING_LR,
    K_QUANT_BLOCK,
    K_QUANTS_FROM_DEPTH,
    LARGE_HEAD,
    LARGE_HEADS_FROM,
    LR,
    LR_WIDTH,
    MICRO_BATCH_TOKENS,
    ROW_LIMITS,
    RULES,
    SMALL_HEAD,
    TOKENS_PER_WEIGHT,
    WARMUP_STEPS,
    WIDTH_PER_LAYER,
)

Whole = Annotated[int, Field(ge=1)]
T = TypeVar("T", bool, int, float)


class Size(Settings):
    """A model and its training by the number of layers. What is given here is taken instead of derived."""

    depth: Annotated[int, Field(ge=1, le=256)]
    """Layers."""
    d_model: Whole | None = None
    """Width of the residual stream."""
    head_dim: Annotated[int, Field(ge=2, multiple_of=2)] | None = None
    """Size of a head."""
    n_kv_heads: Whole | None = None
    """Key and value heads."""
    d_ff: Whole | None = None
    """Width of the feed-forward layer."""
    seq_len: Annotated[int, Field(ge=2)] | None = None
    """Longest context, and tokens of a row."""
    tie_embeddings: bool | None = None
    """Whether the output head is the embedding table."""
    tokens: Whole | None = None
    """Tokens that training reads, rounded to whole steps."""
    batch_tokens: Whole | None = None
    """Tokens for one update, in whole rows."""
    lr: Positive | None = None
    """Peak learning rate of the matrices inside the blocks."""
    adam_lr: Positive | None = None
    """Peak learning rate of head and gains."""
    embedding_lr: Positive | None = None
    """Peak learning rate of the embedding."""
    beta2: Momentum | None = None
    """How slowly AdamW forgets the size of gradients, a step."""
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    """Decay of the matrices, decoupled."""


@dataclass(frozen=True)
class Derived:
    """A value, and why it is that."""

    name: str
    value: bool | int | float
    rule: str
    """In words."""
    source: str
    given: bool
    """Whether the user gave it; the rule was not asked then."""

    @property
    def line(self) -> str:
        """For a reader."""
        value = f"{self.value:.6g}" if isinstance(self.value, float) else f"{self.value:,}"
        if isinstance(self.value, bool):
            value = "yes" if self.value else "no"
        return f"{self.name}: {value} ({'given' if self.given else f'{self.rule}; {self.source}'})"


@dataclass(frozen=True)
class Sized:
    """What a size comes to."""

    model: ModelShape
    train: TrainConfig
    values: tuple[Derived, ...]


def derive(size: Size, *, vocab_size: int, beside: TrainBesideSize | None = None) -> Sized:
    """The model and the training of `size` for a vocabulary; `beside` is what else `train` says.

    Raises:
        UsageError: what was given does not fit together.
    """
    values: list[Derived] = []
    model = _model(size, _Taking(values))
    try:
        train = _training(size, model, vocab_size, beside or TrainBesideSize(), _Taking(values))
    except ValidationError as error:
        raise UsageError(
            f"what `size` comes to does not fit: {reason_of(error)}", where="size", hint=OVERRIDES
        ) from error
    return Sized(model, train, tuple(values))


def shape_of(size: Size) -> ModelShape:
    """The model of `size` alone, which no vocabulary changes.

    Raises:
        UsageError: what was given does not fit together.
    """
    return _model(size, _Taking([]))


class _Taking:
    """Takes what was given, else what a rule says, and notes it."""

    def __init__(self, values: list[Derived]) -> None:
        self._values = values

    def __call__(self, name: str, derived: T, given: T | None = None) -> T:
        value = derived if given is None else given
        rule = RULES[name]
        self._values.append(Derived(name, value, rule.words, rule.source, given is not None))
        return value


def _model(size: Size, take: _Taking) -> ModelShape:
    d_model = take("d_model", width(size.depth), size.d_model)
    head_dim = take("head_dim", head_size(d_model), size.head_dim)
    if d_model % head_dim:
        raise UsageError(
            f"`size.d_model` ({d_model}) is no multiple of `head_dim` ({head_dim})",
            where="size",
            hint="choose a width that is, or give `size.head_dim`",
        )
    n_heads = take("n_heads", d_model // head_dim)
    try:
        return ModelShape(
            d_model=d_model,
            n_layers=size.depth,
            n_heads=n_heads,
            n_kv_heads=take("n_kv_heads", n_heads, size.n_kv_heads),
            head_dim=head_dim,
            d_ff=take("d_ff", feed_forward_width(d_model), size.d_ff),
            seq_len=take("seq_len", row_length(size.depth), size.seq_len),
            tie_embeddings=take("tie_embeddings", False, size.tie_embeddings),
        )
    except ValidationError as error:
        raise UsageError(
            f"what `size` comes to does not fit: {reason_of(error)}",
            where="size",
            hint=f"there are as many heads as `size.head_dim` ({head_dim}) goes into the width ({d_model})",
        ) from error


def _training(
    size: Size, model: ModelShape, vocab_size: int, beside: TrainBesideSize, take: _Taking
) -> TrainConfig:
    weights = matmul_weights(model.resolve(vocab_size))
    tokens = take("tokens", round(TOKENS_PER_WEIGHT * weights), size.tokens)
    usual_rows = _power_of_two(usual_batch_tokens(tokens) / model.seq_len)
    batch_tokens = take("batch_tokens", usual_rows * model.seq_len, size.batch_tokens)
    if batch_tokens < model.seq_len:
        raise UsageError(
            f"`size.batch_tokens` ({batch_tokens}) is less than one row of {model.seq_len} tokens",
            where="size",
            hint="raise it, or lower `size.seq_len`",
        )
    rows = take("batch_rows", batch_tokens // model.seq_len)
    if tokens < rows * model.seq_len:
        raise UsageError(
            f"`size.tokens` ({tokens:,}) is less than one batch of {rows * model.seq_len:,} tokens",
            where="size",
            hint="raise it, or lower `size.batch_tokens` or `size.seq_len`",
        )
    steps = take("steps", max(1, round(tokens / (rows * model.seq_len))))
    # Rates are those of the batch that the rule says; another one takes the square root of the ratio.
    level = math.sqrt(LR_WIDTH / model.d_model) * math.sqrt(rows / usual_rows)
    optimizer = _optimizer(
        size,
        take,
        level=level,
        tied=model.tie_embeddings,
        batch_tokens=rows * model.seq_len,
        steps=steps,
        ratio=tokens / weights,
    )
    schedule = beside.schedule
    if schedule is None:
        schedule = ScheduleConfig(
            warmup_steps=take("warmup_steps", min(WARMUP_STEPS, steps // 10)),
            decay_fraction=take("decay_fraction", DECAY_FRACTION),
        )
    micro = beside.micro_batch_rows
    if micro is None:
        micro = take("micro_batch_rows", _rows_at_once(rows, model.seq_len))
    said = {name: getattr(beside, name) for name in TrainBesideSize.model_fields}
    return TrainConfig(
        **{
            **said,
            "steps": steps,
            "batch_rows": rows,
            "micro_batch_rows": micro,
            "optimizer": optimizer,
            "schedule": schedule,
        }
    )


def _optimizer(
    size: Size, take: _Taking, *, level: float, tied: bool, batch_tokens: int, steps: int, ratio: float
) -> MuonConfig:
    """Rates, memory and decay; `level` is what width and batch make of the rates, `ratio` tokens a weight."""
    lr = take("lr", _rounded(LR * level), size.lr)
    adam_lr = take("adam_lr", _rounded(ADAM_LR * level), size.adam_lr)
    embedding_lr = None
    if not tied:
        embedding_lr = take("embedding_lr", _rounded(EMBEDDING_LR * level), size.embedding_lr)
    elif size.embedding_lr is not None:
        raise UsageError(
            "`size.embedding_lr` has no effect with `tie_embeddings`",
            where="size",
            hint="give `size.adam_lr`, which is that of both",
        )
    beta2 = take("beta2", memory(batch_tokens), size.beta2)
    timescale = DECAY_TIMESCALE * math.sqrt(TOKENS_PER_WEIGHT / ratio)
    weight_decay = take("weight_decay", _rounded(1 / (timescale * lr * steps)), size.weight_decay)
    return MuonConfig(
        type="muon",
        lr=lr,
        adam_lr=adam_lr,
        embedding_lr=embedding_lr,
        adam_betas=(0.9, beta2),
        weight_decay=weight_decay,
        cautious=take("cautious", weight_decay > 0),
    )


def width(depth: int) -> int:
    """The residual stream of a model of `depth` layers."""
    usual = WIDTH_PER_LAYER * depth
    return _up_to_multiple(usual, K_QUANT_BLOCK) if depth >= K_QUANTS_FROM_DEPTH else usual


def head_size(d_model: int) -> int:
    """The size of its heads."""
    return LARGE_HEAD if d_model >= LARGE_HEADS_FROM and d_model % LARGE_HEAD == 0 else SMALL_HEAD


def feed_forward_width(d_model: int) -> int:
    """The width of its feed-forward layers."""
    multiple = K_QUANT_BLOCK if d_model % K_QUANT_BLOCK == 0 else WIDTH_PER_LAYER
    return _up_to_multiple(round(SWIGLU_RATIO * d_model), multiple)


def row_length(depth: int) -> int:
    """Tokens of a row for `depth` layers."""
    shortest, longest = ROW_LIMITS
    nearest = 1 << round(math.log2(WIDTH_PER_LAYER * depth))
    return min(max(nearest, shortest), longest)


def usual_batch_tokens(tokens: int) -> float:
    """The batch that reads `tokens` best, before it is cut to whole rows."""
    batch, reference_tokens = BATCH_REFERENCE
    return float(batch * (tokens / reference_tokens) ** BATCH_EXPONENT)


def memory(batch_tokens: int) -> float:
    """The beta2 that forgets after as many tokens as BETA2 does in batches of BETA2_BATCH."""
    return 1 - _rounded(1 - BETA2 ** (batch_tokens / BETA2_BATCH))


def _rows_at_once(rows: int, seq_len: int) -> int:
    """The most rows, dividing `rows`, that hold no more than MICRO_BATCH_TOKENS."""
    fitting = max(1, MICRO_BATCH_TOKENS // seq_len)
    return next(count for count in range(min(rows, fitting), 0, -1) if rows % count == 0)


def _power_of_two(number: float) -> int:
    """The largest power of two that is not above `number`; 1 at least."""
    return 1 << max(0, math.floor(math.log2(number)))


def _up_to_multiple(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _rounded(number: float) -> float:
    """To three significant digits: what a note says is what is used."""
    return float(f"{number:.3g}")
