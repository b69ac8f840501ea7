"""Muon: momentum, then the nearest semi-orthogonal matrix, for the matrices inside the blocks.

K. Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/ (quintic Newton-Schulz and its coefficients, Nesterov
momentum); decoupled decay and the scale that gives an update the size of AdamW's as in arXiv 2502.16982, section 2.2.
Per R x C matrix with gradient G:

    M <- mu M + (1 - mu) G;   U = (1 - mu) G + mu M
    W <- (1 - lr * decay) W - lr * 0.2 * sqrt(max(R, C)) * ortho(U)

With cautious decay (arXiv 2510.12402) only those entries of W decay that the update moves towards zero anyway.

On CUDA the iteration runs in bfloat16, and on a CPU where products are rounded to it (`model.amx`); elsewhere in the
dtype of the weights: PyTorch's own always casts to bfloat16, which on CPUs without native support is tens of times
slower. Matrices of one shape are one batch of the iteration.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import Parameter

from ontogeny.model.amx import is_rounding
from ontogeny.train.optim.group import Group
from ontogeny.train.sharded import local, on_whole_matrices

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's coefficients: singular values end within about 0.7 to 1.2
UPDATE_RMS = 0.2  # arXiv 2502.16982, equation 4: the size an AdamW update usually has, at the same lr
NORM_FLOOR = 1e-7  # a zero gradient stays zero instead of becoming NaN

# Columns for each row from which on five iterations cost less by way of the Gram matrix: 17 + 2 C/R products of R x R
# matrices against 5 (1 + 2 C/R). In bfloat16 its rounding would tell.
LONGER = 1.5


class Muon:
    """Muon over two-dimensional weights; state of a weight: `momentum`, of its shape."""

    def __init__(
        self, group: Group, *, momentum: float, newton_schulz_steps: int, cautious: bool = False
    ) -> None:
        self.groups = [group]
        self._momentum, self._steps, self._cautious = momentum, newton_schulz_steps, cautious
        self.state: dict[Parameter, dict[str, Tensor]] = {
            weight: {"momentum": torch.zeros_like(weight)}
            for weight in group.weights  # now, as in `optim.adamw`
        }

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient."""
        (group,) = self.groups
        by_shape: dict[torch.Size, list[Parameter]] = {}
        for weight in group.with_gradient:
            by_shape.setdefault(weight.shape, []).append(weight)
        for weights in by_shape.values():
            self._move(weights, group)

    def _move(self, parameters: list[Parameter], group: Group) -> None:
        """One step for parameters of one shape (R, C)."""
        gradients = [local(parameter.grad) for parameter in parameters if parameter.grad is not None]
        moments = [local(self.state[parameter]["momentum"]) for parameter in parameters]
        torch._foreach_lerp_(moments, gradients, 1 - self._momentum)
        weights = [local(parameter) for parameter in parameters]
        updates = on_whole_matrices(
            parameters,
            torch._foreach_lerp(gradients, moments, self._momentum),
            partial(orthogonalise, steps=self._steps),
        )
        scale: float = UPDATE_RMS * max(parameters[0].shape) ** 0.5
        decay = group.lr * group.weight_decay
        if decay and self._cautious:
            towards_zero = [
                weight * (weight * each >= 0) for weight, each in zip(weights, updates, strict=True)
            ]
            torch._foreach_add_(weights, towards_zero, alpha=-decay)
        elif decay:
            torch._foreach_mul_(weights, 1 - decay)
        torch._foreach_add_(weights, list(updates), alpha=-group.lr * scale)


def orthogonalise(matrices: Tensor, *, steps: int) -> Tensor:
    """U Vᵀ of each matrix U S Vᵀ, approximately: (N, R, C) to (N, R, C), by `steps` of the quintic iteration

        X <- (a I + b A + c A²) X,   A = X Xᵀ,

    which drives every singular value towards 1. It works on the smaller Gram matrix.
    """
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = matrices if wide else matrices.mT
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp_min(NORM_FLOOR)
    if x.device.type == "cuda" or (x.dtype == torch.float32 and is_rounding()):
        x = x.bfloat16()  # singular values only have to come near one
    longer = x.shape[-1] >= LONGER * x.shape[-2] and x.dtype in (torch.float32, torch.float64)
    x = _iterate_on_gram(x, steps) if longer else _iterate(x, steps)
    return (x if wide else x.mT).to(matrices.dtype)


def _iterate(x: Tensor, steps: int) -> Tensor:
    """The iteration as it stands: (N, R, C) to (N, R, C)."""
    a, b, c = QUINTIC
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _iterate_on_gram(x: Tensor, steps: int) -> Tensor:
    """The same by products of (R, R) alone, but for the first and the last.

    All factors are polynomials in the first Gram matrix and commute with it: a factor Z takes it from A to Z A Z, and
    in the end X is multiplied with the product of all of them.
    """
    gram = x @ x.mT
    factor = _factor(gram)
    product = factor
    for _ in range(steps - 1):
        gram = factor @ gram @ factor
        factor = _factor(gram)
        product = factor @ product
    return product @ x


def _factor(gram: Tensor) -> Tensor:
    """a I + b A + c A² of Gram matrices A (N, R, R)."""
    a, b, c = QUINTIC
    factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
    factor.diagonal(dim1=-2, dim2=-1).add_(a)
    return factor
