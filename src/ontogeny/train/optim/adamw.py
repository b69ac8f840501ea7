"""AdamW (arXiv 1711.05101, algorithm 2) through PyTorch's fused kernel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Parameter

from ontogeny.train.optim.group import Group
from ontogeny.train.sharded import local


class AdamW:
    """State of a weight: `exp_avg` and `exp_avg_sq` of its shape, and `step`, the number of steps done."""

    def __init__(self, groups: list[Group], *, betas: tuple[float, float], eps: float) -> None:
        self.groups = groups
        self._betas, self._eps = betas, eps
        # All of it now: made in the first step it would lie scattered where activations were, and those of the next
        # would have to lie around it, which costs a tenth of the peak at 17M parameters.
        self.state: dict[Parameter, dict[str, Tensor]] = {
            weight: {
                "step": torch.zeros((), device=weight.device),
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
            }
            for group in groups
            for weight in group.weights
        }

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient."""
        for group in self.groups:
            weights = group.with_gradient
            if not weights:
                continue
            steps, first, second = (
                [local(self.state[weight][name]) for weight in weights]
                for name in ("step", "exp_avg", "exp_avg_sq")
            )
            torch._foreach_add_(steps, 1)
            torch._fused_adamw_(
                [local(weight) for weight in weights],
                [local(weight.grad) for weight in weights if weight.grad is not None],
                first,
                second,
                [],
                steps,
                lr=group.lr,
                beta1=self._betas[0],
                beta2=self._betas[1],
                weight_decay=group.weight_decay,
                eps=self._eps,
                amsgrad=False,
                maximize=False,
            )
