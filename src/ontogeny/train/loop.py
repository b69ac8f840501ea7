"""The one loop: every kind of training here, and the throughput benchmark, goes through `run`.

    for each step: gradients of the mean loss over all micro-batches -> clip -> move -> tell the hooks

Nothing in it is random, and nothing depends on what a hook does, so a run is a function of (weights, optimizer state,
step): stopping after any step and going on from those three gives the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import torch

from ontogeny.core.errors import OntogenyError
from ontogeny.model.transformer import Transformer
from ontogeny.train.objective import BatchT, Counted, Objective
from ontogeny.train.optim import Optimizer

BatchT_co = TypeVar("BatchT_co", bound=Counted, covariant=True)
SHOWN_DOCUMENTS = 8


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
    """Something that happens beside training and never changes the weights."""

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Called after each step, in the order of the hooks."""


@dataclass(frozen=True)
class Run(Generic[BatchT]):
    """What stays the same in a run. `lr` gives the share of the peak rate for a step (from 0)."""

    feed: Feed[BatchT]
    objective: Objective[BatchT]
    steps: int
    lr: Callable[[int], float]
    clip_grad_norm: float | None = None
    dtype: torch.dtype = torch.float32


def run(state: TrainState, plan: Run[BatchT], hooks: Sequence[Hook] = ()) -> None:
    """Train from `state.step` to `plan.steps`.

    Raises:
        OntogenyError: the loss or the gradient is no longer finite; names the step and its documents.
    """
    while state.step < plan.steps:
        started = time.perf_counter()
        batches = plan.feed.micro_batches(state.step)
        state.optimizer.set_lr(plan.lr(state.step))
        loss, grad_norm = train_step(state.model, state.optimizer, batches, plan)
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            raise _not_finite(state.step, plan.feed.documents(state.step), loss=loss, grad_norm=grad_norm)
        seconds = time.perf_counter() - started
        tokens, supervised = (
            sum(batch.tokens for batch in batches),
            sum(batch.supervised for batch in batches),
        )
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


def train_step(
    model: Transformer, optimizer: Optimizer, batches: Sequence[BatchT], plan: Run[BatchT]
) -> tuple[float, float]:
    """One update from all `batches`; the mean loss and the gradient's norm before clipping.

    The weights do not move where either is not finite.
    """
    count = sum(batch.supervised for batch in batches)
    total = torch.zeros((), device=model.device, dtype=model.dtype)
    for batch in batches:
        with torch.autocast(model.device.type, plan.dtype, enabled=plan.dtype != torch.float32):
            loss = plan.objective(model, batch) / count
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    parameters = optimizer.parameters
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
    loss_value, norm_value = torch.stack([total, norm]).tolist()  # the only wait for the device in a step
    if math.isfinite(loss_value) and math.isfinite(norm_value):
        if plan.clip_grad_norm is not None and norm_value > plan.clip_grad_norm:
            torch.nn.utils.clip_grads_with_norm_(parameters, plan.clip_grad_norm, norm, foreach=True)
        optimizer.step()
    return loss_value, norm_value


def _not_finite(step: int, documents: list[str], *, loss: float, grad_norm: float) -> OntogenyError:
    shown = ", ".join(documents[:SHOWN_DOCUMENTS])
    more = f" and {len(documents) - SHOWN_DOCUMENTS} more" if len(documents) > SHOWN_DOCUMENTS else ""
    return OntogenyError(
        f"the loss is {loss:g} and the gradient's norm {grad_norm:g} at step {step + 1}; documents read: {shown}{more}",
        hint="lower `train.optimizer.lr` or lengthen `train.schedule.warmup_steps`; if it is always this step, look at "
        "those documents",
    )
