"""Weights with which mistakes show: initial ones are zero where layers write, and would hide what the layers do."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def randomise(model: nn.Module, seed: int, *, std: float = 0.05) -> None:
    """Every matrix normal, gains around one, biases around zero."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim >= 2:
            parameter.copy_(noise * std)
        else:
            parameter.copy_(noise * 0.2 + float(name.endswith("norm.weight")))


@torch.no_grad()
def disturb(model: nn.Module) -> None:
    """Noise on top of every weight, so that every part matters: gains away from one, biases from zero."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.add_(noise * (0.3 if parameter.ndim == 1 else 0.1))
