"""The feed-forward layer: gated (SwiGLU, GeGLU: arXiv 2002.05202, equation 6), or GPT-2's two matrices.

In training on the CPU a gated layer multiplies whole batches, and between the products goes through the rows a piece at
a time, so that a piece is still in the processor's cache when the next function reads it. Of the wide states only gate
and up are kept for the backward pass, which makes the rest again, and the normalised input as well
(`model.projections`); their memory then becomes that of the gradients. Where products are rounded to bfloat16
(`model.amx`), wide states are stored so: half the memory, a tenth less time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from ontogeny.model.amx import product_type
from ontogeny.model.config import ModelConfig
from ontogeny.model.matrix import matrices_of, parts_of, wanted_of
from ontogeny.model.norm import RMSNorm, has_cpu_gradient, inverse_rms, rms_norm_gradient
from ontogeny.model.projections import are_plain, matrix_of, project

PIECE_STATES = 1 << 18  # a megabyte of float32: two or three pieces fit into a core's share of the cache


@dataclass(frozen=True)
class Activation:
    """A function of x, the same written into a tensor, and d(out) and x to d(x), written over x."""

    apply: Callable[[Tensor], Tensor]
    into: Callable[[Tensor, Tensor], None]
    gradient: Callable[[Tensor, Tensor], None]


_kernels = torch.ops.aten
_gelu_tanh = partial(F.gelu, approximate="tanh")  # arXiv 1606.08415, section 2


def _silu_into(x: Tensor, out: Tensor) -> None:
    _kernels.silu.out(x, out=out)


def _silu_gradient(d_out: Tensor, x: Tensor) -> None:
    _kernels.silu_backward.grad_input(d_out, x, grad_input=x)


def _gelu_tanh_into(x: Tensor, out: Tensor) -> None:
    _kernels.gelu.out(x, approximate="tanh", out=out)


def _gelu_tanh_gradient(d_out: Tensor, x: Tensor) -> None:
    _kernels.gelu_backward.grad_input(d_out, x, approximate="tanh", grad_input=x)


ACTIVATIONS = {
    "silu": Activation(F.silu, _silu_into, _silu_gradient),
    "gelu_tanh": Activation(_gelu_tanh, _gelu_tanh_into, _gelu_tanh_gradient),
}


class MLP(nn.Module):
    """down(act(gate(x)) · up(x)), or down(act(up(x))) without a gate."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        wide, bias = config.d_ff, config.mlp_bias
        self.activation = ACTIVATIONS[config.activation]
        self.gate_proj = nn.Linear(config.d_model, wide, bias=bias) if config.gated_mlp else None
        self.up_proj = nn.Linear(config.d_model, wide, bias=bias)
        self.down_proj = nn.Linear(wide, config.d_model, bias=bias)

    def forward(self, x: Tensor, norm: nn.Module) -> Tensor:
        """The layer of norm(x), (B, T, C) to (B, T, C)."""
        out: Tensor
        if self.gate_proj is None:
            out = self.down_proj(self.activation.apply(self.up_proj(norm(x))))
            return out
        layers = (self.gate_proj, self.up_proj, self.down_proj)
        plain = type(norm) is RMSNorm and has_cpu_gradient(x) and are_plain(layers)
        if plain and torch.is_grad_enabled():
            parts = parts_of([matrix_of(layer) for layer in layers])
            out = _Gated.apply(x, norm.gain, norm.eps, self.activation, *parts)  # type: ignore[no-untyped-call]
        else:
            gate, up = project(x, norm, layers[:2])
            wide = self._gated_in_place(gate, up) if plain else self.activation.apply(gate) * up
            out = self.down_proj(wide)
        return out

    def _gated_in_place(self, gate: Tensor, up: Tensor) -> Tensor:
        """act(gate) · up, (B, T, F) each, in the memory of `up`: where nothing has a gradient."""
        rows, raised = gate.flatten(0, -2), up.flatten(0, -2)
        for piece in _pieces(rows):
            raised[piece].mul_(self.activation.apply(rows[piece]))
        return up


class _Gated(torch.autograd.Function):
    """The norm of `x` (B, T, C) with a gain (C,), then gate and up (F, C) and down (C, F). No second derivatives."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x: Tensor,
        gain: Tensor,
        eps: float,
        activation: Activation,
        *parts: Tensor | None,
    ) -> Tensor:
        gate, up, down = matrices_of(parts)
        states = x.reshape(-1, x.shape[-1])
        # What stays is made before what goes, or holes would be left in memory: a tenth of the peak, as measured.
        inverse = inverse_rms(states, eps)
        kind = product_type(states)
        gated, raised = (
            states.new_empty(len(states), len(gate.weight), dtype=kind) for _ in range(2)
        )  # (N, F)
        out = torch.empty_like(states)
        rows = (states * inverse).mul_(gain).to(kind)
        gate.product(rows, out=gated)
        up.product(rows, out=raised)
        del rows
        wide = torch.empty_like(gated)
        for piece in _pieces(gated):
            activation.into(gated[piece], wide[piece])
            wide[piece].mul_(raised[piece])
        if kind == out.dtype:
            down.product(wide, out=out)
        else:
            out.copy_(down.product(wide))
        ctx.save_for_backward(x, gain, inverse, gated, raised, *parts)  # type: ignore[arg-type]
        ctx.activation = activation  # type: ignore[attr-defined]
        return out.view(x.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_out: Tensor) -> tuple[Tensor | None, ...]:
        x, gain, inverse, gated, raised, *parts = ctx.saved_tensors  # type: ignore[attr-defined]
        activation: Activation = ctx.activation  # type: ignore[attr-defined]
        wants_x, wants_gain, _, _, *wants_parts = ctx.needs_input_grad  # type: ignore[attr-defined]
        gate, up, down = matrices_of(parts)
        wants_gate, wants_up, wants_down = wanted_of(wants_parts)
        kind = gated.dtype
        states, d_rows = (each.reshape(-1, each.shape[-1]) for each in (x, d_out.to(kind)))
        d_wide = down.product_back(d_rows)  # (N, F)
        for piece in _pieces(gated):
            active = activation.apply(gated[piece])
            d_active = d_wide[piece] * raised[piece]
            d_wide[piece].mul_(active)
            raised[piece].mul_(active)
            activation.gradient(d_active, gated[piece])
        wide, d_raised, d_gated = raised, d_wide, gated  # what their memory holds now
        d_down = down.gradients(d_rows, wide, wants_down)
        rows = (states * inverse).mul_(gain).to(kind) if any((*wants_gate, *wants_up)) else states
        d_parts = (
            *gate.gradients(d_gated, rows, wants_gate),
            *up.gradients(d_raised, rows, wants_up),
            *d_down,
        )
        del rows
        if not (wants_x or wants_gain):
            return None, None, None, None, *d_parts
        d_normed = up.product_back(d_raised, onto=gate.product_back(d_gated))
        d_x, d_gain = rms_norm_gradient(d_normed.to(states.dtype), states, gain, inverse)
        return d_x.view(x.shape), d_gain, None, None, *d_parts


def _pieces(wide: Tensor) -> Iterator[slice]:
    """Of the rows of `wide` (N, F)."""
    count = max(1, PIECE_STATES // wide.shape[1])
    return (slice(start, start + count) for start in range(0, len(wide), count))
