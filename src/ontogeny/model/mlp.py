"""The feed-forward layer: SwiGLU (arXiv 2002.05202, equation 6)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ontogeny.model.config import ModelConfig
from ontogeny.model.projections import project


class MLP(nn.Module):
    """down(silu(gate(x)) · up(x)), without biases."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.up_proj = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.down_proj = nn.Linear(config.d_ff, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        gate, up = project(x, (self.gate_proj, self.up_proj))
        out: Tensor = self.down_proj(F.silu(gate) * up)
        return out
