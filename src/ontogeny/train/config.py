"""What a user may choose about a training run; light to import, checked before anything runs.

Defaults suit a small model on a CPU: small batches, no weight decay on embeddings and gains, a decaying last part.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ontogeny.core.errors import UsageError
from ontogeny.lineage.step import Immaterial, Settings
from ontogeny.train.config_optimizer import (
    AdamWConfig,
    Average,
    OptimizerConfig,
    Positive,
    ScheduleConfig,
    SkipOutliers,
    check_average,
    check_outliers,
    check_schedule,
)
from ontogeny.train.config_phases import Phase, check_averaged_phases, check_phases
from ontogeny.train.config_ranks import check_batches_of_groups, check_groups
from ontogeny.train.config_watching import EarlyStopping, Keep, Trackers, check_keep, check_stopping


class TrainBesideSize(Settings):
    """What may be said of training where `size` says the rest."""

    schedule: ScheduleConfig | None = None
    """How the rates of the optimizer go over the steps. None: as `size` derives it."""
    micro_batch_rows: Annotated[int, Field(ge=1)] | None = None
    """Rows computed at once: bounds memory, changes nothing but rounding. None: all, or as `size` derives it."""
    document_mask: bool = False
    """Whether a token sees its own document alone, and positions count from where that begins. Attention costs twice as
    much for it on a CPU."""
    clip_grad_norm: Positive | None = 1.0
    """Largest norm of the gradient over all weights. None: not clipped."""
    skip_outliers: SkipOutliers | None = None
    """Which updates are not made for a loss or a gradient far above those before. None: all are made."""
    average: Average | None = None
    """Which of the last steps' weights are averaged at the end. None: the last step's are the model."""
    z_loss: Annotated[float, Field(ge=0)] = 0.0
    """Factor of the squared log of the softmax's denominator, which is added to the gradient and not to the loss."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """What products are computed in; weights stay float32. auto: bfloat16 on CUDA, float32 on a CPU. There bfloat16
    is for processors with matrix tiles (AMX), up to twice as fast."""
    log_every: Annotated[int, Field(ge=1)] = 10
    """Steps between two lines of metrics.jsonl."""
    eval_every: Annotated[int, Field(ge=1)] = 100
    """Steps between two measurements of the loss on a fixed part of the held-out documents."""
    eval_tokens: Annotated[int, Field(ge=1)] = 16384
    """Tokens of that part, rounded up to whole documents."""
    checkpoint_seconds: Annotated[float | None, Field(ge=0), Immaterial()] = None
    """Seconds between two checkpoints: what a kill can cost at most. None: 15, or as many more as keep training from
    waiting for them a hundredth of the time. Never changes the result."""
    early_stopping: EarlyStopping | None = None
    """When to end before the last step. None: never."""
    keep: Keep | None = None
    """Which snapshots of the model stay in the artifact. None: the model at the end."""
    trackers: Annotated[Trackers, Immaterial()] = ()
    """Where metrics are told as they come: `tensorboard`, `mlflow`, `wandb`. Never changes the result."""
    processes: Annotated[int, Field(ge=1), Immaterial()] = 1  # the fingerprint has it as a word of its own
    """Processes that train together, each with its part of the weights and of every batch; on CUDA one a GPU. Changes
    nothing but rounding: a run saved on some may go on with any number."""
    tensor_parallel: Annotated[int, Field(ge=1)] = 1
    """How many of them work on the same rows, each with some of the heads. Changes nothing but rounding."""
    recompute: Annotated[bool, Immaterial()] = False
    """Whether the backward pass computes a layer's activations again instead of keeping them: a third more work for a
    small part of the memory. Never changes the result."""
    compile: Literal["auto"] | bool = "auto"
    """Whether layers go through torch.compile. auto: on CUDA."""

    def compiles_on(self, device: str) -> bool:
        """Whether layers go through torch.compile: where it pays, unless something else was asked for."""
        return device == "cuda" if self.compile == "auto" else self.compile

    @model_validator(mode="after")
    def _check_alone(self) -> Self:
        check_groups(self.processes, self.tensor_parallel)
        if self.average is not None and self.keep is not None and self.keep.best:
            raise ValueError(
                "`average` and `keep.best` both say which weights become the model: leave one out"
            )
        return self


def check_dtype(dtype: str, device: str) -> None:
    """Refuse what a device can compute in, but only slowly.

    Raises:
        UsageError: bfloat16 on a CPU without matrix tiles.
    """
    if dtype != "bfloat16" or device != "cpu":
        return
    from ontogeny.model.amx import has_amx  # takes a second, and a recipe is planned in a tenth

    if not has_amx():
        raise UsageError(
            "bfloat16 is refused on this CPU: without matrix tiles (AMX) its products are slower than those of "
            "float32, up to 80 times",
            where="train.dtype",
            hint="leave `train.dtype` out, or train with --device cuda",
        )


class TrainConfig(TrainBesideSize):
    """How to train. Give `steps`, or `epochs` over the data."""

    steps: Annotated[int, Field(ge=1)] | None = None
    """Updates of the weights."""
    epochs: Positive | None = None
    """Passes over the training rows, rounded up to whole steps."""
    batch_rows: Annotated[int, Field(ge=1)] = 16
    """Rows (of up to `seq_len` tokens) for one update."""
    seq_len: Annotated[int, Field(ge=2)] | None = None
    """Tokens of a row. None: the model's."""
    phases: tuple[Phase, ...] = ()
    """What changes from which step on: batches that grow, longer rows, another RoPE."""
    optimizer: OptimizerConfig = AdamWConfig()
    """How a gradient moves the weights."""
    schedule: ScheduleConfig = ScheduleConfig()
    """How the rates of the optimizer go over the steps."""

    @model_validator(mode="after")
    def _check(self) -> TrainConfig:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either `steps` or `epochs`, one of the two")
        if self.steps is not None:
            self._check_over(self.steps)
        check_phases(self.phases, steps=self.steps, batch_rows=self.batch_rows, seq_len=self.seq_len)
        if self.average is not None and self.steps is not None:
            check_averaged_phases(self.phases, first_step=self.average.first_step(self.steps))
        self._check_micro_batches()
        check_batches_of_groups(self.processes // self.tensor_parallel, self.batches)
        return self

    @property
    def batches(self) -> list[int]:
        """Rows for one update in each phase; of a run without phases, in the whole of it."""
        found = [self.batch_rows]
        for phase in self.phases:
            found.append(found[-1] if phase.batch_rows is None else phase.batch_rows)
        return found[1:] or found

    @property
    def rows_at_once(self) -> int:
        """Rows of one forward and backward pass, at most; all of a batch where `micro_batch_rows` is not given."""
        return max(self.batches) if self.micro_batch_rows is None else self.micro_batch_rows

    def steps_over(self, rows: int) -> int:
        """Updates in this run when an epoch has `rows` rows.

        Raises:
            ValueError: the steps that `epochs` comes to are too few for the schedule.
        """
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None  # one of the two is given
        steps = max(1, -int(-self.epochs * rows // self.batch_rows))
        self._check_over(steps)
        return steps

    def _check_micro_batches(self) -> None:
        """Refuse, with ValueError, micro-batches that no batch divides into; a smaller batch is computed at once."""
        micro = self.micro_batch_rows
        if micro is None:
            return
        if micro > max(self.batches):
            raise ValueError(
                f"`micro_batch_rows` ({micro}) has no effect, since no batch has more than {max(self.batches)} rows: "
                "lower it, or leave it out"
            )
        for rows in self.batches:
            if rows > micro and rows % micro:
                raise ValueError(f"`micro_batch_rows` ({micro}) must divide `batch_rows` ({rows})")

    def _check_over(self, steps: int) -> None:
        """Refuse, with ValueError, what does not fit into `steps`, or would have no effect in them."""
        check_schedule(self.schedule, steps)
        if self.early_stopping is not None:
            check_stopping(self.early_stopping, eval_every=self.eval_every, steps=steps)
        if self.keep is not None:
            check_keep(self.keep, eval_every=self.eval_every, steps=steps)
        if self.skip_outliers is not None:
            check_outliers(self.skip_outliers, steps)
        if self.average is not None:
            check_average(self.average, steps)


IMMATERIAL = {
    name
    for name, info in TrainConfig.model_fields.items()
    if any(isinstance(mark, Immaterial) for mark in info.metadata)
}
"""Settings that never change the result."""
