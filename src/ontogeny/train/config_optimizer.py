"""How the weights move: which optimizer, its rate over a run, which steps are skipped or averaged; light to import.

A field that a choice leaves without effect cannot be written: each optimizer has its own set of fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from ontogeny.lineage.step import Settings

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Shape = Literal["linear", "1-sqrt", "cosine"]
USUAL_WARMUP_STEPS = 20


class AdamWConfig(Settings):
    """AdamW (arXiv 1711.05101), fused. Gains of norms never decay."""

    type: Literal["adamw"] = "adamw"
    lr: Positive = 1e-3
    """Peak learning rate."""
    betas: tuple[Momentum, Momentum] = (0.9, 0.95)
    """How slowly the means of gradients and of their squares forget: what is left of each after a step."""
    eps: Positive = 1e-8
    """What is added to the root of the mean square before it divides."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """Decoupled: each step multiplies a matrix by 1 - lr * weight_decay."""
    decay_embeddings: bool = False
    """Whether the embedding and the output head decay as well."""

    @model_validator(mode="after")
    def _check(self) -> AdamWConfig:
        if self.decay_embeddings and not self.weight_decay:
            raise ValueError("`decay_embeddings` has no effect without `weight_decay`")
        return self


class MuonConfig(Settings):
    """Muon for the matrices inside the blocks, AdamW for embeddings, head and gains.

    K. Jordan et al. 2024, with the size of updates of arXiv 2502.16982.
    """

    type: Literal["muon"]
    lr: Positive = 1e-2
    """Peak learning rate of the matrices, whose updates have a root mean square of about 0.2 * lr, as AdamW's have."""
    momentum: Momentum = 0.95
    """How slowly the mean of the matrices' gradients forgets: what is left of it after a step."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """Decoupled, for the matrices only."""
    cautious: bool = False
    """Whether only those weights decay that an update moves towards zero anyway (arXiv 2510.12402)."""
    newton_schulz_steps: Annotated[int, Field(ge=1, le=10)] = 5
    """Steps of the iteration that makes an update nearly orthogonal. Fewer are faster and less exact."""
    adam_lr: Positive = 8e-3
    """Peak learning rate of embeddings, head and gains."""
    embedding_lr: Positive | None = None
    """That of the input embedding alone, which is not also the head. None: `adam_lr`."""
    adam_betas: tuple[Momentum, Momentum] = (0.9, 0.95)
    """`betas` of AdamW for the rest."""
    adam_eps: Positive = 1e-10
    """`eps` of AdamW for the rest."""

    @model_validator(mode="after")
    def _check(self) -> MuonConfig:
        if self.cautious and not self.weight_decay:
            raise ValueError("`cautious` has no effect without `weight_decay`")
        return self


def _optimizer_type(value: Any) -> Any:
    """AdamW where no `type` is written."""
    return value.get("type", "adamw") if isinstance(value, dict) else getattr(value, "type", None)


OptimizerConfig = Annotated[
    Annotated[AdamWConfig, Tag("adamw")] | Annotated[MuonConfig, Tag("muon")], Discriminator(_optimizer_type)
]


class ScheduleConfig(Settings):
    """Warmup, a constant part, then decay (arXiv 2405.18392). With `decay_fraction: 1` there is no constant part."""

    warmup_steps: Annotated[int, Field(ge=0)] | None = USUAL_WARMUP_STEPS
    """Steps over which the rate rises linearly from near zero to its peak. None: 20, at most a tenth of all steps."""
    decay_fraction: Fraction = 0.4
    """Share of all steps, at the end, over which the rate falls; it never begins before the warmup is over."""
    shape: Shape = "linear"
    """How it falls: in a line, as 1 - sqrt(progress) (faster at first), or as half a cosine."""
    final_lr_fraction: Fraction = 0.0
    """What is left of the peak rate after the last step."""

    def warmup(self, steps: int) -> int:
        """Steps of the warmup in a run of `steps`."""
        return min(USUAL_WARMUP_STEPS, steps // 10) if self.warmup_steps is None else self.warmup_steps


class SkipOutliers(Settings):
    """Steps that are read but not learnt from: none before half of `window` is known."""

    sigma: Positive = 6.0
    """Standard deviations above the mean from which on a loss or a gradient's norm is an outlier."""
    window: Annotated[int, Field(ge=4)] = 128
    """Steps that mean and deviation are taken over."""

    @property
    def known_from(self) -> int:
        """Steps after which there is enough to compare with."""
        return self.window // 2


class Average(Settings):
    """The mean of the weights after some of the last steps becomes the model (arXiv 1803.05407)."""

    fraction: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of all steps, at the end, whose weights are averaged."""
    every: Annotated[int, Field(ge=1)] = 1
    """Steps from one that is taken to the next; the last one is always taken."""

    def first_step(self, steps: int) -> int:
        """The first step (counted from 1) whose weights may be taken."""
        return steps - max(1, round(self.fraction * steps)) + 1


def check_schedule(schedule: ScheduleConfig, steps: int) -> None:
    """Refuse a warmup that leaves no step of `steps` for the decay, and a kind of decay where there is none.

    Raises:
        ValueError: names the field.
    """
    decays = round(schedule.decay_fraction * steps) > 0
    for name, asked in (
        ("shape", schedule.shape != "linear"),
        ("final_lr_fraction", schedule.final_lr_fraction > 0),
    ):
        if asked and not decays:
            raise ValueError(
                f"`schedule.{name}` has no effect, since `schedule.decay_fraction` ({schedule.decay_fraction:g}) "
                f"leaves none of {steps} steps for a decay: raise that, or leave `{name}` out"
            )
    warmup = schedule.warmup(steps)
    if warmup + decays > steps:
        raise ValueError(
            f"the {warmup} of `schedule.warmup_steps`{' and a decay' if decays else ''} do not fit "
            f"into {steps} steps: lower it, or train for longer"
        )


def check_outliers(outliers: SkipOutliers, steps: int) -> None:
    """Refuse a window that `steps` never fill far enough.

    Raises:
        ValueError: names the field.
    """
    if outliers.known_from >= steps:
        raise ValueError(
            f"`skip_outliers.window` ({outliers.window}) has no effect in {steps} steps, since nothing is skipped "
            f"before step {outliers.known_from + 1}: lower it"
        )


def check_average(average: Average, steps: int) -> None:
    """Refuse an average of a single step.

    Raises:
        ValueError: names both fields.
    """
    if steps - average.first_step(steps) < average.every:
        raise ValueError(
            f"`average.fraction` ({average.fraction:g}) and `average.every` ({average.every}) leave one of {steps} "
            "steps, of which the mean is itself: raise the one or lower the other"
        )
