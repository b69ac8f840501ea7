"""Head and cross-entropy in one, chunk by chunk: the logits of a batch are never stored whole.

Each chunk of rows is multiplied by the head, softened, and turned into its gradient in place while it is still in the
processor's cache; the gradients of hidden states and head are summed up in the forward pass and only scaled in the
backward pass. For probabilities p of a row with target t and weight w,

    loss = w · (log Σ exp(logits) - logits_t),      d logits = w · (p - onehot(t)).

The z-loss (PaLM, arXiv 2204.02311, section 5) keeps Z = Σ exp(logits) near 1, where logits cannot drift away together:

    penalty = w · z · (log Z)²,                     d logits = w · 2 z log Z · p.

The idea is that of Cut Your Losses (arXiv 2411.09009) and Liger (arXiv 2410.10989); gradients in the forward pass trade
a second head multiplication for two buffers. Sums are natural log, in the dtype of `hidden`. Second derivatives are not
supported.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from ontogeny.model.loss_chunks import CHUNK_LOGITS, MIN_CHUNK_ROWS


def linear_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Summed cross-entropy, natural log, of `targets` under softmax(hidden · weightᵀ).

    Args:
        hidden: (N, C), float32 or float64 (bfloat16 on CUDA).
        weight: (V, C), the head.
        targets: (N,) int64 in [0, V).
        weights: (N,) factor of each row's loss, e.g. a loss mask; None counts every row once.

    Returns:
        A scalar of float32, or float64 where `hidden` is.
    """
    total, _ = penalised_cross_entropy(hidden, weight, targets, weights, z_loss=0.0)
    return total


def penalised_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, weights: Tensor | None = None, *, z_loss: float
) -> tuple[Tensor, Tensor]:
    """`linear_cross_entropy` plus the z-loss with factor `z_loss`; and the z-loss alone, which has no gradient."""
    wants_hidden = torch.is_grad_enabled() and hidden.requires_grad
    wants_weight = torch.is_grad_enabled() and weight.requires_grad
    total, penalty = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, weight, targets, weights, z_loss, wants_hidden, wants_weight
    )
    return total, penalty


def token_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each row, (N,), natural log; without gradients."""
    losses = torch.empty(targets.shape, dtype=sum_dtype(hidden), device=hidden.device)
    with torch.no_grad():
        for rows in chunks(hidden, weight):
            log_z, chosen, _ = soften(hidden[rows] @ weight.T, targets[rows])
            losses[rows] = log_z - chosen
    return losses


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        weights: Tensor | None,
        z_loss: float,
        wants_hidden: bool,
        wants_weight: bool,
    ) -> tuple[Tensor, Tensor]:
        penalty = torch.zeros((), dtype=sum_dtype(hidden), device=hidden.device)
        total = torch.zeros((), dtype=sum_dtype(hidden), device=hidden.device)
        d_hidden = torch.empty_like(hidden) if wants_hidden else None
        exact = hidden.dtype in (torch.float32, torch.float64)
        d_weight = (
            torch.zeros_like(weight, dtype=hidden.dtype if exact else torch.float32) if wants_weight else None
        )
        for rows in chunks(hidden, weight):
            h, t = hidden[rows], targets[rows]
            log_z, chosen, probabilities = soften(h @ weight.T, t)  # (n,), (n,), (n, V)
            total += _weighted_sum(log_z - chosen, weights, rows)
            if z_loss:
                penalty += z_loss * _weighted_sum(log_z.square(), weights, rows)
            if not (wants_hidden or wants_weight):
                continue
            if z_loss:
                probabilities *= (1 + 2 * z_loss * log_z).unsqueeze(1)
            d_logits = probabilities.to(hidden.dtype)
            d_logits[torch.arange(len(t), device=t.device), t] -= 1
            if weights is not None:
                d_logits *= weights[rows].to(d_logits.dtype).unsqueeze(1)
            if d_hidden is not None:
                torch.mm(d_logits, weight, out=d_hidden[rows])
            if d_weight is not None:
                accumulate(d_weight, d_logits.T, h)
            del probabilities, d_logits  # before the next chunk is made
        d_weight = None if d_weight is None else d_weight.to(weight.dtype)
        ctx.gradients = d_hidden, d_weight  # type: ignore[attr-defined]
        ctx.mark_non_differentiable(penalty)  # it is within the total
        return total + penalty if z_loss else total, penalty

    @staticmethod
    @once_differentiable
    def backward(
        ctx: FunctionCtx, d_total: Tensor, _: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None, None, None, None, None]:
        d_hidden, d_weight = ctx.gradients  # type: ignore[attr-defined]
        return scaled(d_hidden, d_total), scaled(d_weight, d_total), None, None, None, None, None


def _weighted_sum(values: Tensor, weights: Tensor | None, rows: slice) -> Tensor:
    """The sum of `values` (n,), each times the weight of its row."""
    return values.sum() if weights is None else values @ weights[rows].to(values.dtype)


def soften(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log Σ exp (n,), the targets' logits (n,) and probabilities (n, V) of logits (n, V), which are overwritten where
    they can be.

    Through the logs of probabilities, since that of a target may be finite where its probability is not above zero.
    """
    if logits.dtype not in (torch.float32, torch.float64):
        logits = logits.float()
    at = targets.unsqueeze(1)
    chosen = logits.gather(1, at).squeeze(1)
    logs = torch.log_softmax(logits, dim=1, out=logits)
    return chosen - logs.gather(1, at).squeeze(1), chosen, logs.exp_()


def accumulate(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add left @ right to `total`, which is float32 at least: sums over many chunks would drown in bfloat16's bits."""
    if left.dtype == total.dtype:
        total.addmm_(left, right)
    else:
        total.add_(left @ right)


def chunks(hidden: Tensor, weight: Tensor, *, tables: int = 1) -> list[slice]:
    """Slices of the rows of `hidden`, equally long but for the last; `tables` of logits are there at once."""
    size = max(MIN_CHUNK_ROWS, CHUNK_LOGITS[hidden.device.type] // (weight.shape[0] * tables))
    rows = hidden.shape[0]
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def sum_dtype(hidden: Tensor) -> torch.dtype:
    """What losses of rows `hidden` are added up in."""
    return torch.float64 if hidden.dtype == torch.float64 else torch.float32


def scaled(gradient: Tensor | None, factor: Tensor) -> Tensor | None:
    """`gradient` times `factor`, in place, where there is one."""
    return None if gradient is None else gradient.mul_(factor.to(gradient.dtype))
