"""What a user may ask to happen beside training: trackers, an early end, snapshots that are kept."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ontogeny.core.errors import UsageError
from ontogeny.lineage.step import Settings


class EarlyStopping(Settings):
    """End the run when the held-out loss no longer falls. Measured every `eval_every` steps."""

    patience: Annotated[int, Field(ge=1)]
    """Measurements in a row without a fall after which the run ends."""
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    """What counts as a fall: at least this much, in nats a token."""


class Keep(Settings):
    """Snapshots of the model, each a complete Hugging Face folder `checkpoints/STEP/` in the artifact."""

    every: Annotated[int, Field(ge=1)] | None = None
    """Steps between two snapshots."""
    newest: Annotated[int, Field(ge=1)] | None = None
    """How many of those stay, the newest. None: all."""
    best: bool = False
    """Whether the weights with the lowest held-out loss become the artifact's model; the last are then a snapshot."""

    @model_validator(mode="after")
    def _check(self) -> Keep:
        if self.every is None and not self.best:
            raise ValueError("nothing is kept: give `every: STEPS`, `best: true`, or both")
        if self.every is None and self.newest is not None:
            raise ValueError("`newest` has no effect without `every`: give both, or leave it out")
        return self


class TensorBoardConfig(Settings):
    """Event files that `tensorboard --logdir FOLDER` shows."""

    type: Literal["tensorboard"] = "tensorboard"
    folder: str = "runs"
    """Holds a folder for each run."""
    name: str | None = None
    """What the run is called. None: what is trained and a part of the run's digest."""


class MLflowConfig(Settings):
    """A run of an MLflow server or store."""

    type: Literal["mlflow"] = "mlflow"
    uri: str | None = None
    """Where it lies. None: what MLFLOW_TRACKING_URI says, else MLflow's own default."""
    experiment: str = "ontogeny"
    """The experiment it belongs to, made if need be."""
    name: str | None = None
    """What the run is called. None: what is trained and a part of the run's digest."""


class WandbConfig(Settings):
    """A run of Weights & Biases."""

    type: Literal["wandb"] = "wandb"
    project: str = "ontogeny"
    """The project that the run is listed under, made if need be."""
    entity: str | None = None
    """Whose project it is. None: the default of the account."""
    mode: Literal["online", "offline"] = "online"
    """offline: written under `folder` only, to be sent with `wandb sync`."""
    folder: str = "."
    """Where the client puts its folder `wandb`."""
    name: str | None = None
    """What the run is called. None: what is trained and a part of the run's digest."""


TrackerConfig = Annotated[TensorBoardConfig | MLflowConfig | WandbConfig, Field(discriminator="type")]


def _from_name(value: object) -> object:
    """`tensorboard` stands for `{type: tensorboard}`."""
    if isinstance(value, (list, tuple)):
        return tuple({"type": each} if isinstance(each, str) else each for each in value)
    return value


def _once_each(trackers: tuple[TrackerConfig, ...]) -> tuple[TrackerConfig, ...]:
    for position, each in enumerate(trackers):
        if each in trackers[:position]:
            raise ValueError(f"the tracker {each.type!r} is given twice with the same settings: remove one")
    return trackers


Trackers = Annotated[tuple[TrackerConfig, ...], BeforeValidator(_from_name), AfterValidator(_once_each)]
"""Where metrics are told as they come, beside metrics.jsonl."""


def check_stopping(stopping: EarlyStopping, *, eval_every: int, steps: int) -> None:
    """Refuse a patience that no run of `steps` exhausts before its last step.

    Raises:
        ValueError: names both fields.
    """
    soonest = (stopping.patience + 1) * eval_every  # the first measurement is what others are held against
    if soonest >= steps:
        raise ValueError(
            f"`early_stopping.patience` ({stopping.patience}) has no effect in {steps} steps: measured every "
            f"{eval_every} steps (`eval_every`), a run ends after step {soonest} at the earliest: lower either of them"
        )


def check_keep(keep: Keep, *, eval_every: int, steps: int) -> None:
    """Refuse snapshots of which `steps` leave none but the model at the end.

    Raises:
        ValueError: names the field.
    """
    if keep.every is not None and keep.every >= steps:
        raise ValueError(
            f"`keep.every` ({keep.every}) has no effect in {steps} steps: what is kept of the last step is the model "
            "itself: lower it, or leave it out"
        )
    if keep.best and eval_every >= steps:
        raise ValueError(
            f"`keep.best` has no effect in {steps} steps: with `eval_every` {eval_every} only the last one is "
            "measured: lower that"
        )


def check_measured(stopping: EarlyStopping | None, keep: Keep | None, *, measured: bool) -> None:
    """Refuse what goes by the held-out loss where nothing is held out.

    Raises:
        UsageError: names the field.
    """
    wanting = {
        "train.early_stopping": stopping is not None,
        "train.keep.best": keep is not None and keep.best,
    }
    for name, wants in wanting.items():
        if wants and not measured:
            raise UsageError(
                f"`{name}` goes by the held-out loss, and no document is held out",
                where="train",
                hint=f"raise `held_out_fraction` where the documents are made, or remove `{name}`",
            )


def check_trackers(trackers: Sequence[TrackerConfig]) -> None:
    """Find the client of every tracker: a module that is called as the tracker is.

    Raises:
        UsageError: one is not installed; names the extra.
    """
    for each in trackers:
        found = importlib.util.find_spec(each.type)
        if found is None or found.origin is None:  # a folder of that name, such as the one that wandb writes
            raise UsageError(
                f"the tracker {each.type!r} needs a package that is not installed",
                where="train.trackers",
                hint=f"pip install 'ontogeny[{each.type}]', or remove it from `train.trackers`",
            )
