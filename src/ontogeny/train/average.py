"""The mean of the weights over the last steps, which then is the model.

Averaging along the way does what a falling learning rate does, in part or beside it (arXiv 1803.05407; for pretraining
2306.03241, and 2405.18392, section 4). It costs one copy of the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.model.transformer import Transformer
from ontogeny.train.config_optimizer import Average
from ontogeny.train.loop import StepResult, TrainState
from ontogeny.train.optim import trained_weights
from ontogeny.train.sharded import in_first


class AverageWeights:
    """A hook that keeps the mean, and a part of the run's checkpoints."""

    def __init__(self, config: Average, *, steps: int) -> None:
        self._first = config.first_step(steps)
        self._every = config.every
        self._steps = steps
        self._mean: dict[str, Tensor] = {}
        self.count = 0
        """Steps whose weights are in the mean."""

    @torch.no_grad()
    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Take the weights in where it is their turn, the last step's among them."""
        if result.step < self._first or (self._steps - result.step) % self._every:
            return
        self.count += 1
        for name, parameter in trained_weights(state.model).items():
            if name in self._mean:
                self._mean[name].lerp_(parameter, 1 / self.count)
            else:
                self._mean[name] = parameter.detach().clone()

    def gather(self) -> None:
        """Have the whole mean in the first process, where weights are cut over several."""
        self._mean = in_first(self._mean)

    @torch.no_grad()
    def put_into(self, model: Transformer) -> None:
        """Make the mean the weights of `model`; nothing where the run ended before there was one."""
        for name, parameter in model.named_parameters():
            if name in self._mean:
                parameter.copy_(self._mean[name])

    def tensors(self) -> dict[str, Tensor]:
        """The mean."""
        return self._mean

    def state(self) -> dict[str, int]:
        """How many it is of."""
        return {"count": self.count}

    def restore(self, tensors: dict[str, Tensor], state: dict[str, int] | None) -> None:
        """Go back to a checkpoint, or to nothing."""
        self._mean = dict(tensors)
        self.count = state["count"] if state else 0
