"""The phases of a run with everything filled in, and how a model goes from one to the next.

    stretches = stretches_of(config, seq_len=..., steps=...)       for the packing plan
    phases = phases_of(config, model.config, steps=...)            for the run
    phases.enter(model, step)       after a resume; as a hook it does the same at the end of each phase

What a phase changes of the model is its description and the tables of RoPE, which are computed from it: weights have
the same shapes in all phases, so a checkpoint needs no more than its step to be gone on from.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ontogeny.core.errors import UsageError
from ontogeny.model.config import ModelConfig, RopeScaling
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_phases import KEPT
from ontogeny.train.order import BatchSchedule

if TYPE_CHECKING:  # torch stands behind them, and a plan wants the numbers alone
    from ontogeny.model.transformer import Transformer
    from ontogeny.train.loop import StepResult, TrainState


@dataclass(frozen=True)
class Stretch:
    """A phase: its last step (counted from 1), its batches, its share of the rate, its RoPE (None: the model's)."""

    end: int
    batch_rows: int
    seq_len: int
    lr_factor: float = 1.0
    rope_base: float | None = None
    rope_scaling: RopeScaling | None = None


def stretches_of(config: TrainConfig, *, seq_len: int, steps: int) -> tuple[Stretch, ...]:
    """The phases of a run of `steps` in rows of `seq_len` tokens; one where `config` has none."""
    now = Stretch(steps, config.batch_rows, seq_len)
    own_tokens = now.batch_rows * now.seq_len
    found = []
    for phase in config.phases:
        given = {name: value for name in KEPT if (value := getattr(phase, name)) is not None}
        now = replace(now, end=steps if phase.until is None else phase.until, **given)
        factor = phase.lr_factor or math.sqrt(now.batch_rows * now.seq_len / own_tokens)
        found.append(replace(now, lr_factor=factor))
    return tuple(found) or (now,)


def cut_at(stretches: Sequence[Stretch], ends: Sequence[int]) -> tuple[Stretch, ...]:
    """The same phases, each ending after the steps `ends` within it as well."""
    found: list[Stretch] = []
    for stretch in stretches:
        begin = found[-1].end if found else 0
        within = sorted({end for end in ends if begin < end < stretch.end})
        found += [replace(stretch, end=end) for end in (*within, stretch.end)]
    return tuple(found)


def batch_schedule(stretches: Sequence[Stretch]) -> BatchSchedule:
    """How many rows each step reads."""
    return BatchSchedule(
        tuple(stretch.end for stretch in stretches), tuple(stretch.batch_rows for stretch in stretches)
    )


class Phases:
    """A hook that changes the model's description at the end of a phase; `lr_factor` is for the schedule.

    It stands last: what other hooks measure and save belongs to the phase of the step that was done.

    Raises:
        UsageError: a phase asks for a context or a RoPE that this model cannot have.
    """

    def __init__(self, stretches: Sequence[Stretch], config: ModelConfig) -> None:
        self._stretches = tuple(stretches)
        self._ends = [stretch.end for stretch in stretches]
        self._configs = _configs(self._stretches, config)

    def lr_factor(self, step: int) -> float:
        """What the rate of a step (from 0) is multiplied with."""
        return self._stretches[self._number(step)].lr_factor

    def enter(self, model: Transformer, step: int) -> None:
        """Give `model` the description of the phase of `step` (from 0)."""
        model.change_context(self._configs[self._number(step)])

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Enter the next phase after the last step of one, unless the run ends there."""
        if result.step in self._ends[:-1] and not state.ended:
            self.enter(state.model, result.step)

    def _number(self, step: int) -> int:
        """The phase of a step (from 0); the last one of all that comes after."""
        return min(bisect_right(self._ends, step), len(self._ends) - 1)


def phases_of(config: TrainConfig, model: ModelConfig, *, steps: int) -> Phases:
    """The phases of a run of `steps` that begins with `model`; see `Phases` for the errors."""
    return Phases(stretches_of(config, seq_len=config.seq_len or model.seq_len, steps=steps), model)


def _configs(stretches: Sequence[Stretch], config: ModelConfig) -> tuple[ModelConfig, ...]:
    """The model in each phase."""
    found: list[ModelConfig] = []
    for number, stretch in enumerate(stretches, 1):
        changes: dict[str, object] = {"seq_len": max(config.seq_len, stretch.seq_len)}
        if stretch.rope_base is not None:
            changes["rope_base"] = stretch.rope_base
        if stretch.rope_scaling is not None:
            changes["rope_scaling"] = stretch.rope_scaling.model_dump()
        if config.positions == "learned" and changes != {"seq_len": config.seq_len}:
            raise UsageError(
                f"phase {number} changes the context or RoPE of a model with learned positions,"
                f" of which it has {config.seq_len}",
                where="train.phases",
                hint=f"keep `seq_len` at most {config.seq_len}, and leave `rope_base` and `rope_scaling` out",
            )
        try:
            config = ModelConfig.model_validate(config.model_dump() | changes)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise UsageError(f"phase {number}: {reason}", where="train.phases") from error
        found.append(config)
    return tuple(found)
