"""A run as the formulas see it: one setup after another, since batches grow and rows get longer.

Memory is that of the phase that needs most; tokens, operations and time are sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ontogeny.estimate.memory import training_memory
from ontogeny.estimate.setup import TrainingSetup
from ontogeny.estimate.speed import Speed, training_speed


@dataclass(frozen=True)
class Phase:
    """A part of a run in which batches have one size and rows one length. `tokens` are None where nobody knows yet."""

    setup: TrainingSetup
    tokens: float | None = None

    @property
    def steps(self) -> float:
        """Updates of the weights; one where the tokens are not known."""
        return 1.0 if self.tokens is None else self.tokens / self.setup.tokens_per_step


def largest(phases: Sequence[Phase]) -> TrainingSetup:
    """The setup that needs most memory."""
    return max((phase.setup for phase in phases), key=lambda setup: training_memory(setup).peak)


def tokens_of(phases: Sequence[Phase]) -> float | None:
    """Tokens of the whole run, where they are known."""
    known = [phase.tokens for phase in phases if phase.tokens is not None]
    return sum(known) if len(known) == len(phases) else None


def mean_speed(phases: Sequence[Phase], *, correction: float = 1.0) -> Speed:
    """The mean update of a run, and its tokens a second from beginning to end.

    `correction` is the measured speed of earlier runs over what the formulas say of them.
    """
    speeds = [(phase, training_speed(phase.setup, correction=correction)) for phase in phases]
    steps = sum(phase.steps for phase in phases)
    seconds = sum(phase.steps * speed.step for phase, speed in speeds)
    tokens = sum(phase.steps * phase.setup.tokens_per_step for phase in phases)
    flops = sum(phase.steps * phase.setup.tokens_per_step * speed.flops_per_token for phase, speed in speeds)
    first = phases[0].setup
    return Speed(
        compute=sum(phase.steps * speed.compute for phase, speed in speeds) / steps,
        exposed=sum(phase.steps * speed.exposed for phase, speed in speeds) / steps,
        update=sum(phase.steps * speed.update for phase, speed in speeds) / steps,
        tokens_per_second=tokens / seconds,
        flops_per_token=flops / tokens,
        utilisation=flops / seconds / (first.gpus * first.peak_flops),
    )


def run_seconds(phases: Sequence[Phase], *, correction: float = 1.0) -> float | None:
    """Seconds of the whole run without stops, where its tokens are known."""
    tokens = tokens_of(phases)
    return None if tokens is None else tokens / mean_speed(phases, correction=correction).tokens_per_second
