"""A norm and the matrix products that read what it gives: queries, keys and values, or gate and up.

In training on the CPU they are one function. Done one by one, the backward pass makes a gradient of the normalised
states for each product and adds them up; here every product after the first adds to the same memory as it multiplies.
And the normalised states are not kept for it: making them again is two passes over them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from ontogeny.model.frozen import FrozenLinear
from ontogeny.model.matrix import Matrix, matrices_of, parts_of, wanted_of
from ontogeny.model.norm import RMSNorm, has_cpu_gradient, inverse_rms, rms_norm_gradient


def are_plain(layers: Sequence[nn.Module]) -> bool:
    """Whether `layers` are matrices and nothing else: no bias, no adapter but plain LoRA, not cut over processes."""
    return all(
        layer.is_plain
        if isinstance(layer, FrozenLinear)
        else type(layer) is nn.Linear and layer.bias is None and type(layer.weight) in (nn.Parameter, Tensor)
        for layer in layers
    )


def matrix_of(layer: nn.Linear | FrozenLinear) -> Matrix:
    """What a plain layer multiplies with."""
    return Matrix(layer.weight) if isinstance(layer, nn.Linear) else layer.matrix


def project(x: Tensor, norm: nn.Module, layers: Sequence[nn.Linear]) -> tuple[Tensor, ...]:
    """Every layer applied to norm(x), `x` (B, T, C)."""
    if type(norm) is RMSNorm and has_cpu_gradient(x) and are_plain(layers):
        return multiply(x, norm, [matrix_of(layer) for layer in layers])
    normed = norm(x)
    return tuple(layer(normed) for layer in layers)


def multiply(x: Tensor, norm: RMSNorm, matrices: Sequence[Matrix]) -> tuple[Tensor, ...]:
    """norm(x), `x` (B, T, C), times each matrix (out, C), transposed: a tuple of (B, T, out).

    Second derivatives are not supported.
    """
    products: tuple[Tensor, ...] = _Multiply.apply(x, norm.gain, norm.eps, *parts_of(matrices))  # type: ignore[no-untyped-call]
    return products


class _Multiply(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, gain: Tensor, eps: float, *parts: Tensor | None
    ) -> tuple[Tensor, ...]:
        matrices = matrices_of(parts)
        states = x.reshape(-1, x.shape[-1])
        inverse = inverse_rms(states, eps)
        ctx.save_for_backward(x, gain, inverse, *parts)  # type: ignore[arg-type]
        products = [
            states.new_empty(len(states), len(matrix.weight)) for matrix in matrices
        ]  # before what goes: see `mlp`
        rows = (states * inverse).mul_(gain)
        for product, matrix in zip(products, matrices, strict=True):
            matrix.product(rows, out=product)
        return tuple(product.view(*x.shape[:-1], -1) for product in products)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *d_outs: Tensor) -> tuple[Tensor | None, ...]:
        x, gain, inverse, *parts = ctx.saved_tensors  # type: ignore[attr-defined]
        wants_x, wants_gain, _, *wants_parts = ctx.needs_input_grad  # type: ignore[attr-defined]
        matrices = matrices_of(parts)
        states = x.reshape(-1, x.shape[-1])
        d_each = [d_out.reshape(-1, d_out.shape[-1]) for d_out in d_outs]
        d_x: Tensor | None = None
        d_gain: Tensor | None = None
        if wants_x or wants_gain:
            d_rows = matrices[0].product_back(d_each[0])
            for d_out, matrix in zip(d_each[1:], matrices[1:], strict=True):
                matrix.product_back(d_out, onto=d_rows)
            d_states, d_gain = rms_norm_gradient(d_rows, states, gain, inverse)
            d_x = d_states.view(x.shape)
        rows = (states * inverse).mul_(gain) if any(wants_parts) else states
        d_parts = [
            part
            for d_out, matrix, wanted in zip(d_each, matrices, wanted_of(wants_parts), strict=True)
            for part in matrix.gradients(d_out, rows, wanted)
        ]
        return d_x, d_gain, None, *d_parts
