"""The feed-forward layer: gated (SwiGLU, GeGLU: arXiv 2002.05202, equation 6), or GPT-2's two matrices."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from ontogeny.model.config import ModelConfig
from ontogeny.model.projections import project


def _gelu_tanh(x: Tensor) -> Tensor:
    """GELU by its tanh approximation (arXiv 1606.08415, section 2)."""
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"silu": F.silu, "gelu_tanh": _gelu_tanh}


class MLP(nn.Module):
    """down(act(gate(x)) · up(x)), or down(act(up(x))) without a gate."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        wide, bias = config.d_ff, config.mlp_bias
        self.activate = ACTIVATIONS[config.activation]
        self.gate_proj = nn.Linear(config.d_model, wide, bias=bias) if config.gated_mlp else None
        self.up_proj = nn.Linear(config.d_model, wide, bias=bias)
        self.down_proj = nn.Linear(wide, config.d_model, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        if self.gate_proj is None:
            wide = self.activate(self.up_proj(x))
        else:
            gate, up = project(x, (self.gate_proj, self.up_proj))
            wide = self.activate(gate) * up
        out: Tensor = self.down_proj(wide)
        return out
