"""What a user may choose about a training run; light to import, checked before anything runs.

Defaults suit a small model on a CPU: small batches, no weight decay on embeddings and gains, a decaying last part.
A field that a choice leaves without effect cannot be written: each optimizer has its own set of fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from ontogeny.lineage.step import Immaterial, Ref, Settings

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Packing = Literal["end-to-end", "best-fit"]
"""How documents are laid into rows: as the shuffle has them, or so that hardly any that fits in a row is cut."""


class AdamWConfig(Settings):
    """AdamW (arXiv 1711.05101), fused. Gains of norms never decay."""

    type: Literal["adamw"] = "adamw"
    lr: Positive = 1e-3
    """Peak learning rate."""
    betas: tuple[Momentum, Momentum] = (0.9, 0.95)
    eps: Positive = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """Decoupled: each step multiplies a matrix by 1 - lr * weight_decay."""
    decay_embeddings: bool = False
    """Whether the embedding and the output head decay as well."""


class MuonConfig(Settings):
    """Muon for the matrices inside the blocks, AdamW for embeddings, head and gains; see `train.optim.muon`."""

    type: Literal["muon"]
    lr: Positive = 1e-2
    """Peak learning rate of the matrices, whose updates have a root mean square of about 0.2 * lr, as AdamW's have."""
    momentum: Momentum = 0.95
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """Decoupled, for the matrices only."""
    newton_schulz_steps: Annotated[int, Field(ge=1, le=10)] = 5
    adam_lr: Positive = 8e-3
    """Peak learning rate of embeddings, head and gains."""
    adam_betas: tuple[Momentum, Momentum] = (0.9, 0.95)
    adam_eps: Positive = 1e-10


def _optimizer_type(value: Any) -> Any:
    """AdamW where no `type` is written."""
    return value.get("type", "adamw") if isinstance(value, dict) else getattr(value, "type", None)


OptimizerConfig = Annotated[
    Annotated[AdamWConfig, Tag("adamw")] | Annotated[MuonConfig, Tag("muon")], Discriminator(_optimizer_type)
]


class ScheduleConfig(Settings):
    """Warmup, a constant part, then decay (arXiv 2405.18392)."""

    warmup_steps: Annotated[int, Field(ge=0)] = 20
    """Steps over which the rate rises linearly from near zero to its peak."""
    decay_fraction: Fraction = 0.4
    """Share of all steps, at the end, over which the rate falls."""
    shape: Literal["linear", "1-sqrt"] = "linear"
    """How it falls: in a line, or as 1 - sqrt(progress) (faster at first)."""
    final_lr_fraction: Fraction = 0.0
    """What is left of the peak rate after the last step."""


MAX_EPOCHS = 4.0
"""Passes over a source up to which repeated tokens are worth nearly as much as new ones (arXiv 2305.16264)."""


class MixtureSource(Settings):
    """One part of a mixture, or several: the sources of one `tokens` artifact."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    tokens: Annotated[str, Ref("tokens")] = Field(alias="from")
    """What is read."""
    weight: Positive = 1.0
    """Its share of the tokens of its phase, in relation to the other weights there."""
    until: Annotated[int, Field(ge=1)] | None = None
    """The last step of its phase, which begins where the one before ends. None: the end of training."""
    max_epochs: Positive | None = MAX_EPOCHS
    """How often a token may be read in the whole of training, at most. None: any number of times."""
    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The part of its documents that may be read, chosen by what they say: a smaller part is within a larger one."""
    sources: dict[str, Positive] | None = Field(None, min_length=1)
    """Weights of the corpus' sources within it; those not named are not read. None: all, as they come."""


class TrainConfig(Settings):
    """How to train. Give `steps`, or `epochs` over the data."""

    steps: Annotated[int, Field(ge=1)] | None = None
    """Updates of the weights."""
    epochs: Positive | None = None
    """Passes over the training rows, rounded up to whole steps."""
    batch_rows: Annotated[int, Field(ge=1)] = 16
    """Rows (of up to `seq_len` tokens) for one update."""
    micro_batch_rows: Annotated[int, Field(ge=1)] | None = None
    """Rows computed at once: bounds memory, changes nothing but rounding. None: `batch_rows`."""
    seq_len: Annotated[int, Field(ge=2)] | None = None
    """Tokens of a row. None: the model's."""
    optimizer: OptimizerConfig = AdamWConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    clip_grad_norm: Positive | None = 1.0
    """Largest norm of the gradient over all weights. None: not clipped."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """What products are computed in; weights stay float32. auto: bfloat16 on CUDA, float32 on a CPU."""
    log_every: Annotated[int, Field(ge=1)] = 10
    """Steps between two lines of metrics.jsonl."""
    eval_every: Annotated[int, Field(ge=1)] = 100
    """Steps between two measurements of the loss on a fixed part of the held-out documents."""
    eval_tokens: Annotated[int, Field(ge=1)] = 16384
    """Tokens of that part, rounded up to whole documents."""
    checkpoint_seconds: Annotated[float, Field(ge=0), Immaterial()] = 15.0
    """Seconds between two checkpoints: what a kill can cost at most. Never changes the result."""

    @model_validator(mode="after")
    def _check(self) -> TrainConfig:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either `steps` or `epochs`, one of the two")
        if self.batch_rows % self.rows_at_once:
            raise ValueError(
                f"`micro_batch_rows` ({self.rows_at_once}) must divide `batch_rows` ({self.batch_rows})"
            )
        if self.steps is not None:
            check_schedule(self.schedule, self.steps)
        return self

    @property
    def rows_at_once(self) -> int:
        """Rows of one forward and backward pass."""
        return self.batch_rows if self.micro_batch_rows is None else self.micro_batch_rows

    def steps_over(self, rows: int) -> int:
        """Updates in this run when an epoch has `rows` rows.

        Raises:
            ValueError: the steps that `epochs` comes to are too few for the schedule.
        """
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None  # one of the two is given
        steps = max(1, -int(-self.epochs * rows // self.batch_rows))
        check_schedule(self.schedule, steps)
        return steps


def check_schedule(schedule: ScheduleConfig, steps: int) -> None:
    """Refuse a warmup and a decay that do not fit into `steps`.

    Raises:
        ValueError: names both fields.
    """
    decay_steps = round(schedule.decay_fraction * steps)
    if schedule.warmup_steps + decay_steps > steps:
        raise ValueError(
            f"`schedule.warmup_steps` ({schedule.warmup_steps}) and `schedule.decay_fraction` "
            f"({schedule.decay_fraction:g}, that is {decay_steps} steps) do not fit into {steps} steps: "
            "lower one of them"
        )


def check_mixture(parts: Sequence[MixtureSource], train: TrainConfig) -> None:
    """Refuse phases that cannot be meant.

    Raises:
        ValueError: says which.
    """
    if train.steps is None:
        raise ValueError("a mixture needs `train.steps`: its sources have epochs of their own")
    ends = [part.until if part.until is not None else train.steps for part in parts]
    if max(ends) > train.steps:
        raise ValueError(f"`until` ({max(ends)}) is after the last step ({train.steps})")
    if ends != sorted(ends):
        raise ValueError("list the parts of a mixture by phase: `until` must not fall from one to the next")
    if ends[-1] < train.steps:
        raise ValueError(
            f"nothing is read after step {ends[-1]}, but `train.steps` is {train.steps}: "
            "leave `until` out of the last phase"
        )
    seen = set()
    for part, end in zip(parts, ends, strict=True):
        for name in part.sources or [None]:
            if (end, part.tokens, name) in seen:
                what = part.tokens if name is None else f"{name!r} of {part.tokens}"
                raise ValueError(f"{what} is twice in one phase: add the weights up")
            seen.add((end, part.tokens, name))
