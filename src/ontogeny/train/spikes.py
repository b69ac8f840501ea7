"""Notes about spikes of the loss: the step, what it read, and the part of the model whose gradient grew most."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from ontogeny.core.progress import Progress
from ontogeny.model.transformer import Transformer
from ontogeny.train.diagnosis import listed
from ontogeny.train.loop import Run, StepResult, TrainState
from ontogeny.train.objective import BatchT, add_gradients

WINDOW, LEAST = 64, 16  # losses that say what is usual, and how many of them it takes
DEVIATIONS = 6.0  # as far above the mean as OLMo's skip-step has it (OLMo-core, `SkipStepOptimizer`)
LEAST_RISE = 0.1  # of the mean: where losses hardly differ, six deviations are nothing
MOST_NOTES = 5


class NoteSpikes:
    """A hook that notes a loss far above the recent mean. Changes nothing, and is in no checkpoint.

    What a gradient usually looks like is asked only then: the step's batch and the one before it are computed again
    with the weights as they are now, and compared part by part: by this process alone, so there must be no others.
    """

    def __init__(self, setup: Run[BatchT], progress: Progress) -> None:
        self._setup, self._progress = setup, progress
        self._usual: deque[float] = deque(maxlen=WINDOW)
        self._told = 0

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Compare the step's loss with those before it."""
        if self._told < MOST_NOTES and is_spike(result.loss, self._usual):
            self._told += 1
            self._note(state, result)
        self._usual.append(result.loss)

    def _note(self, state: TrainState, result: StepResult) -> None:
        step = result.step - 1
        documents = self._setup.describe(self._setup.feed.documents(step))
        before, now = (gradient_norms(state.model, self._setup, each) for each in (step - 1, step))
        growth = {part: now[part] / before[part] for part in now if before.get(part)}
        part = max(growth, key=growth.__getitem__, default=None)
        grew = f"; the gradient grew most in {part}, {growth[part]:.3g}-fold" if part else ""
        usual = sum(self._usual) / len(self._usual)
        more = "; further spikes are not told" if self._told == MOST_NOTES else ""
        self._progress.note(
            f"step {result.step:,}: the loss rose to {result.loss:.4g} (lately {usual:.4g}){grew}; documents read: "
            f"{listed(documents)}{more}"
        )


def is_spike(loss: float, usual: Sequence[float]) -> bool:
    """Whether `loss` is far above those of the steps before."""
    if len(usual) < LEAST:
        return False
    mean = sum(usual) / len(usual)
    deviation = math.sqrt(sum((each - mean) ** 2 for each in usual) / len(usual))
    return loss - mean > max(DEVIATIONS * deviation, LEAST_RISE * abs(mean))


def gradient_norms(model: Transformer, setup: Run[BatchT], step: int) -> dict[str, float]:
    """The norm of the gradient of a step's batch (from 0) in each part of the model: `layers.3.mlp`."""
    batches = setup.feed.micro_batches(step)
    count = sum(batch.supervised for batch in batches)
    add_gradients(model, batches, setup.objective, count=count, dtype=setup.dtype)
    squares: dict[str, float] = {}
    for name, weight in model.named_parameters():
        if weight.grad is not None:
            part = ".".join(name.split(".")[:3]) if name.startswith("layers.") else name.split(".")[0]
            squares[part] = squares.get(part, 0.0) + float(weight.grad.square().sum())
    model.zero_grad(set_to_none=True)
    return {part: math.sqrt(each) for part, each in squares.items()}
