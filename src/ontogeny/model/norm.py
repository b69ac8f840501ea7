"""The norms of the decoder: LayerNorm, and RMSNorm (arXiv 1910.07467, equation 4) with a gradient made for the CPU.

PyTorch fuses RMSNorm on CUDA only; on the CPU it runs as six passes over memory, each with a fresh temporary. Here
the forward keeps its input and one number a row, and the backward leans on the fused kernel of LayerNorm, which is
the same gradient but for one term. Second derivatives are not supported.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from ontogeny.model.config import ModelConfig


def make_norm(config: ModelConfig) -> nn.Module:
    """A norm over the width of the residual stream."""
    if config.norm == "layer":
        return nn.LayerNorm(config.d_model, config.norm_eps)
    return RMSNorm(config.d_model, config.norm_eps, unit_offset=config.norm_unit_offset)


class RMSNorm(nn.Module):
    """`x / rms(x) * gain` over the last axis; the gain is `weight`, or `1 + weight` with `unit_offset`."""

    def __init__(self, size: int, eps: float, *, unit_offset: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((size,), 1.0 - unit_offset))
        self.eps = eps
        self.unit_offset = unit_offset

    @property
    def gain(self) -> Tensor:
        """What normalised values are multiplied with (C,)."""
        return 1.0 + self.weight if self.unit_offset else self.weight

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x` (..., C) over C; same shape and dtype."""
        return rms_norm(x, self.gain, self.eps)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm of `x` (..., C) with gain `weight` (C,)."""
    if not has_cpu_gradient(x):
        return F.rms_norm(x, (x.shape[-1],), weight, eps)
    out: Tensor = _RMSNorm.apply(x, weight, eps)  # type: ignore[no-untyped-call]
    return out


def has_cpu_gradient(x: Tensor) -> bool:
    """Whether the gradients written for the CPU serve `x`; elsewhere PyTorch's own kernels are the fast ones."""
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)


def inverse_rms(x: Tensor, eps: float) -> Tensor:
    """1 / sqrt(mean(x²) + eps) over the last axis, which is kept with size 1."""
    norms: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return norms.square_().div_(x.shape[-1]).add_(eps).rsqrt_()


def rms_norm_gradient(d_out: Tensor, x: Tensor, weight: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `x` (N, C) and `weight` (C,) for RMSNorm whose output's gradient is `d_out` (N, C).

    With r = 1/rms(x), u = x r and g = d_out · weight, RMSNorm has d_x = r (g - u mean(g u)). LayerNorm told that the
    mean is zero has d_x = r (g - u mean(g u) - mean(g)): the last term is added back.
    """
    C = x.shape[-1]
    d_x, d_weight, _ = torch.ops.aten.native_layer_norm_backward(
        d_out, x, [C], torch.zeros_like(inverse), inverse, weight, None, [True, True, False]
    )
    centring = torch.mv(d_out, weight).div_(C).unsqueeze(1).mul_(inverse)
    return d_x.add_(centring), d_weight


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        inverse = inverse_rms(x, eps)
        ctx.save_for_backward(x, weight, inverse)
        return (x * inverse).mul_(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_out: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, inverse = ctx.saved_tensors  # type: ignore[attr-defined]
        C = x.shape[-1]
        d_x, d_weight = rms_norm_gradient(
            d_out.reshape(-1, C), x.reshape(-1, C), weight, inverse.reshape(-1, 1)
        )
        return d_x.view(x.shape), d_weight, None
