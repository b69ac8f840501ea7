"""A matrix as products take it: stored; or stored and frozen, with a product of two thin ones added to it. What is
frozen may be in half precision, or in codes (`model.quantised`).

    W' = W + b a,    y = x W'ᵀ,    dx = dy W',    da = (bᵀ dyᵀ) x,    dbᵀ = (a xᵀ) dy

(arXiv 2106.09685, equation 3, with its scale within b). W' is made for the moment in which it is multiplied with, and
made again in the backward pass. So an adapter costs four thin products a step, and not seven, and no wide state is
made or kept for it; making W' takes as long as reading W a few times, however many rows there are. For codes that is
the moment in which they are numbers, so no more than one such matrix stands in memory at a time.

Where products round their factors (`model.amx`) W and b a are multiplied apart: rounded together, W' would lose what
the adapter adds below half a place of W, which at first is nearly all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from ontogeny.model.amx import is_rounding
from ontogeny.model.quantised import Quantised

HALF = (torch.float16, torch.bfloat16)


class Matrix(NamedTuple):
    """A weight (out, in), and a (r, in) and b (out, r) where it is adapted. A plain tuple for autograd functions.

    A weight in half precision is made float32. Where there are `scales`, it holds codes; all three are the parts of a
    `Quantised`.
    """

    weight: Tensor
    a: Tensor | None = None
    b: Tensor | None = None
    scales: Tensor | None = None
    blocks: Tensor | None = None

    def product(self, x: Tensor, *, out: Tensor | None = None) -> Tensor:
        """`x` (N, in) times W'ᵀ, in its type: (N, out), in the memory of `out` where that is given."""
        apart = self._adapter_apart(x.dtype)
        numbers = self.whole() if apart is None else self._numbers()
        result = torch.mm(x, numbers.to(x.dtype).T, out=out)
        if apart is not None:
            a, b = apart
            result.addmm_(x @ a.T, b.T)
        return result

    def product_back(self, d_out: Tensor, *, onto: Tensor | None = None) -> Tensor:
        """`d_out` (N, out) times W', in its type: (N, in), added to what is in `onto` where that is given."""
        apart = self._adapter_apart(d_out.dtype)
        numbers = (self.whole() if apart is None else self._numbers()).to(d_out.dtype)
        result = torch.mm(d_out, numbers) if onto is None else onto.addmm_(d_out, numbers)
        if apart is not None:
            a, b = apart
            result.addmm_(d_out @ b, a)
        return result

    def _adapter_apart(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """a and b in `dtype` where they are not to be rounded together with W."""
        if self.a is None or self.b is None or not is_rounding():
            return None
        return self.a.to(dtype), self.b.to(dtype)

    def whole(self) -> Tensor:
        """W' (out, in); of a stored weight that is not adapted, itself."""
        numbers = self._numbers()
        if self.a is None or self.b is None:
            return numbers
        if numbers is self.weight:
            return torch.addmm(numbers, self.b, self.a)
        return numbers.addmm_(self.b, self.a)

    def _numbers(self) -> Tensor:
        """W as products take it."""
        if self.scales is not None:
            return Quantised(self.weight, self.scales, self.blocks).whole()
        return self.weight.float() if self.weight.dtype in HALF else self.weight

    def with_rows(self, reordered: Callable[[Tensor], Tensor]) -> Matrix:
        """The matrix whose rows are `reordered`."""
        weight, a, *others = self
        b, scales, blocks = (None if part is None else reordered(part) for part in others)
        return Matrix(reordered(weight), a, b, scales, blocks)

    def gradients(self, d_out: Tensor, x: Tensor, wanted: Sequence[bool]) -> tuple[Tensor | None, ...]:
        """Those of all parts as far as `wanted`: `d_out` (N, out) is that of the product of `x` (N, in), and both are
        of one type."""
        d_weight = d_out.T @ x if wanted[0] else None
        if self.a is None or self.b is None or not any(wanted[1:]):
            return d_weight, None, None, None, None
        a, b = self.a.to(x.dtype), self.b.to(x.dtype)
        # Products with the thin side first: the other way round they take up to six times as long.
        return d_weight, (b.T @ d_out.T) @ x, ((a @ x.T) @ d_out).T, None, None


PARTS = len(Matrix._fields)


def parts_of(matrices: Sequence[Matrix]) -> list[Tensor | None]:
    """All parts, one after another, as autograd functions take them."""
    return [part for matrix in matrices for part in matrix]


def matrices_of(parts: Sequence[Tensor | None]) -> list[Matrix]:
    """What `parts_of` took apart."""
    return [Matrix(*parts[at : at + PARTS]) for at in range(0, len(parts), PARTS)]  # type: ignore[arg-type]


def wanted_of(flags: Sequence[bool]) -> Iterator[Sequence[bool]]:
    """Of the flags of parts, those of each matrix."""
    return (flags[at : at + PARTS] for at in range(0, len(flags), PARTS))


def times(x: Tensor, matrix: Matrix) -> Tensor:
    """`x` (..., in) times `matrix`, transposed: (..., out). Second derivatives are not supported."""
    out: Tensor = _Times.apply(x, *matrix)  # type: ignore[no-untyped-call]
    return out


class _Times(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, *parts: Tensor | None) -> Tensor:
        (matrix,) = matrices_of(parts)
        read_again = any(ctx.needs_input_grad[1:])  # type: ignore[attr-defined]
        ctx.save_for_backward(x if read_again else None, *parts)  # type: ignore[arg-type]
        return matrix.product(x.reshape(-1, x.shape[-1])).view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_out: Tensor) -> tuple[Tensor | None, ...]:
        x, *parts = ctx.saved_tensors  # type: ignore[attr-defined]
        wants_x, *wanted = ctx.needs_input_grad  # type: ignore[attr-defined]
        (matrix,) = matrices_of(parts)
        d_rows = d_out.reshape(-1, d_out.shape[-1])
        # Under autocast the gradient is in the type of the products, and autograd makes it that of `x` again.
        d_x = matrix.product_back(d_rows).view(*d_out.shape[:-1], -1) if wants_x else None
        if x is None:
            return d_x, *(None for _ in parts)
        return d_x, *matrix.gradients(d_rows, x.reshape(-1, x.shape[-1]), wanted)
