"""The one loop: every kind of training here, and the throughput benchmark, goes through `run`.

    for each step: gradients of the mean loss over all micro-batches -> clip -> move -> tell the hooks

Nothing in it is random, so a run is a function of (weights, optimizer state, step) and of what its guard and hooks keep
in checkpoints: stopping after any step and going on from those gives the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import torch

from ontogeny.model.transformer import Transformer
from ontogeny.train.diagnosis import find_place, not_finite
from ontogeny.train.objective import BatchT, Counted, Objective, add_gradients
from ontogeny.train.optim import Optimizer
from ontogeny.train.precision import rounded_on_cpu
from ontogeny.train.ranks import ALONE, Ranks
from ontogeny.train.sharded import local, total_norm

CLIP_EPS = 1e-6  # as torch.nn.utils.clip_grad_norm_ has it
BatchT_co = TypeVar("BatchT_co", bound=Counted, covariant=True)


class Feed(Protocol[BatchT_co]):
    """Where batches come from."""

    def micro_batches(self, step: int) -> Sequence[BatchT_co]:
        """The batches of a step (from 0)."""

    def documents(self, step: int) -> list[str]:
        """Ids of the documents a step reads, for an error."""


@dataclass
class TrainState:
    """All that changes in a run. `seconds` and `train_seconds` add up over attempts that were killed and resumed."""

    model: Transformer
    optimizer: Optimizer
    step: int = 0
    """Steps done."""
    tokens: int = 0
    """Input tokens read so far, repeats included."""
    supervised: int = 0
    """Items the loss was computed on so far."""
    train_seconds: float = 0.0
    """Spent in steps that are part of the weights."""
    seconds: float = 0.0
    """The same, hooks (measuring, checkpoints) included."""
    skipped: int = 0
    """Steps whose update the guard refused."""
    ended: str = ""
    """Why a hook ended the run before its last step; empty while it goes on."""
    processes: list[list[int]] = field(default_factory=list)
    """[steps done, processes]: after which step how many went on."""

    def note_processes(self, count: int) -> None:
        """From here on there are `count` processes."""
        if not self.processes or self.processes[-1][1] != count:
            self.processes.append([self.step, count])


@dataclass
class StepResult:
    """What one step did. Hooks may add `figures`, which later hooks see."""

    step: int
    """Steps done, this one included."""
    loss: float
    """Mean over the step's supervised items, before the update."""
    grad_norm: float
    """Before clipping."""
    lr: float
    tokens: int
    supervised: int
    seconds: float
    figures: dict[str, float] = field(default_factory=dict)


class Hook(Protocol):
    """Something that happens beside training: it never changes the weights, and may end the run (`state.ended`)."""

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Called after each step, in the order of the hooks."""


class Guard(Protocol):
    """Decides which updates are made."""

    def admits(self, loss: float, grad_norm: float) -> bool:
        """Whether a step with this finite loss and norm may move the weights; called once a step, in order."""


@dataclass(frozen=True)
class Run(Generic[BatchT]):
    """What stays the same in a run. `lr` gives the share of the peak rate for a step (from 0)."""

    feed: Feed[BatchT]
    objective: Objective[BatchT]
    steps: int
    lr: Callable[[int], float]
    clip_grad_norm: float | None = None
    dtype: torch.dtype = torch.float32
    guard: Guard | None = None
    ranks: Ranks = ALONE
    describe: Callable[[Sequence[str]], list[str]] = list
    """Names documents, by their ids, in errors and notes."""


def run(state: TrainState, setup: Run[BatchT], hooks: Sequence[Hook] = ()) -> None:
    """Train from `state.step` to `setup.steps`, or until a hook ends the run.

    Raises:
        NotFinite: the loss or the gradient is no longer finite; names the step, its documents and the layer.
    """
    while state.step < setup.steps and not state.ended:
        started = time.perf_counter()
        batches = setup.feed.micro_batches(state.step)
        state.optimizer.set_lr(setup.lr(state.step))
        loss, grad_norm = gradients(state.model, state.optimizer, batches, setup)
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            place = "in one of the processes"  # to look closer, they would have to go on in step
            if setup.ranks.mesh is None:
                place = find_place(state.model, batches, setup.objective, dtype=setup.dtype)
            documents = setup.describe(setup.feed.documents(state.step))
            raise not_finite(state.step, documents, loss=loss, grad_norm=grad_norm, place=place)
        if setup.guard is None or setup.guard.admits(loss, grad_norm):
            with rounded_on_cpu(setup.dtype, state.model.device.type):
                move(state.optimizer, grad_norm, setup)
        else:
            state.optimizer.drop_gradients()
            state.skipped += 1
        tokens, supervised = setup.ranks.count(
            [sum(batch.tokens for batch in batches), sum(batch.supervised for batch in batches)]
        )
        seconds = time.perf_counter() - started
        state.step += 1
        state.tokens += tokens
        state.supervised += supervised
        state.train_seconds += seconds
        state.seconds += seconds
        result = StepResult(state.step, loss, grad_norm, state.optimizer.lr, tokens, supervised, seconds)
        for hook in hooks:
            hook_started = time.perf_counter()
            hook.after_step(state, result)
            state.seconds += time.perf_counter() - hook_started


def gradients(
    model: Transformer, optimizer: Optimizer, batches: Sequence[BatchT], setup: Run[BatchT]
) -> tuple[float, float]:
    """Gradients of the mean loss over a step, of which `batches` are this process's part; that loss, and their norm.

    Every process must have as many batches, or the others would wait for it. One that has none left goes through a
    batch again as one without supervised items, which adds nothing.
    """
    count = setup.ranks.count([sum(batch.supervised for batch in batches)])[0]
    total = add_gradients(model, batches, setup.objective, count=count, dtype=setup.dtype)
    found = [parameter.grad for parameter in optimizer.parameters if parameter.grad is not None]
    loss_value, norm_value = torch.stack(
        [total, total_norm(found)]
    ).tolist()  # the step's only wait for the device
    return setup.ranks.total([loss_value])[0], norm_value


def move(optimizer: Optimizer, grad_norm: float, setup: Run[BatchT]) -> None:
    """Clip the gradients, whose norm is `grad_norm`, and move the weights along them."""
    if setup.clip_grad_norm is not None and grad_norm > setup.clip_grad_norm:
        found = [local(weight.grad) for weight in optimizer.parameters if weight.grad is not None]
        norm = torch.tensor(grad_norm, dtype=found[0].dtype, device=found[0].device)
        factor = torch.clamp(setup.clip_grad_norm / (norm + CLIP_EPS), max=1.0)
        torch._foreach_mul_(found, factor)
    optimizer.step()
