"""Weights that move by the same rates, and what an optimizer has to offer.

Ours do not derive from PyTorch's class: making one of those loads its compiler, which costs every training a second and
70 MB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn import Parameter


@dataclass
class Group:
    """Weights, their learning rate now, and the share of it by which they decay."""

    weights: list[Parameter]
    lr: float
    weight_decay: float = 0.0

    @property
    def with_gradient(self) -> list[Parameter]:
        """Those that the next step moves."""
        return [weight for weight in self.weights if weight.grad is not None]


class Part(Protocol):
    """An optimizer of some of a model's weights."""

    groups: list[Group]
    state: dict[Parameter, dict[str, Tensor]]
    """All that a step depends on but weights, gradients and rates, by weight and name."""

    def step(self) -> None:
        """Move every weight that has a gradient."""
