"""Causal attention over whole rows on the CPU, skipping part of what the mask would throw away.

PyTorch's flash kernel for the CPU works through blocks of 512 keys, so rows of a few hundred tokens pay for the whole
square though half of it is masked. Here the queries are cut into pieces, and a piece sees only the keys up to its end.
Memory stays linear in T. Elsewhere than on the CPU, and for short rows, PyTorch's own call is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from ontogeny.model.norm import has_cpu_gradient, inverse_rms
from ontogeny.model.rope import normed_and_turned, normed_and_turned_gradient

PIECE_TOKENS = 128  # shorter pieces cost more in calls than they save, measured at T = 256, 512 and 1024
MAX_PIECES = 4

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def causal_attention(q: Tensor, k: Tensor, v: Tensor, *, scale: float | None = None) -> Tensor:
    """Attention of q (B, H, T, D) over k, v (B, K, T, D), every token over itself and those left of it.

    Scores are multiplied with `scale`, 1 / sqrt(D) when not given.
    """
    if not has_cpu_gradient(q) or len(_pieces(q.shape[2])) == 1:
        return F.scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scale, enable_gqa=q.shape[1] != k.shape[1]
        )
    out: Tensor = _Causal.apply(q, k, v, scale)  # type: ignore[no-untyped-call]
    return out


def turned_causal_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    gains: tuple[Tensor, Tensor],
    turns: Tensor,
    *,
    eps: float,
    scale: float | None = None,
) -> Tensor:
    """Causal attention (B, H, T, D) of interleaved heads q (B, T, H, D), k (B, T, K, D) after their norms and turns.

    `gains` (D,) are those of queries and keys; see `rope.normed_and_turned`. What norms and turns give is not kept for
    the backward pass, but made again. Values v are (B, T, K, D). Second derivatives are not supported.
    """
    out: Tensor = _TurnedCausal.apply(q, k, v, *gains, turns, eps, scale)  # type: ignore[no-untyped-call]
    return out


class _Causal(torch.autograd.Function):
    """Second derivatives are not supported."""

    @staticmethod
    def forward(ctx: FunctionCtx, q: Tensor, k: Tensor, v: Tensor, scale: float | None) -> Tensor:
        out, sums = _room(q)
        _attend(q, k, v, scale, out, sums)
        ctx.save_for_backward(q, k, v, out, *sums)
        ctx.scale = scale  # type: ignore[attr-defined]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_out: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, out, *sums = ctx.saved_tensors  # type: ignore[attr-defined]
        return *_attend_gradient(d_out, q, k, v, out, sums, ctx.scale), None  # type: ignore[attr-defined]


class _TurnedCausal(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        q_gain: Tensor,
        k_gain: Tensor,
        turns: Tensor,
        eps: float,
        scale: float | None,
    ) -> Tensor:
        q_inverse, k_inverse = inverse_rms(q, eps), inverse_rms(k, eps)
        out, sums = _room(q.transpose(1, 2))
        queries = normed_and_turned(q, q_gain, turns, q_inverse).transpose(1, 2)
        keys = normed_and_turned(k, k_gain, turns, k_inverse).transpose(1, 2)
        _attend(queries, keys, v.transpose(1, 2), scale, out, sums)
        ctx.save_for_backward(q, k, v, q_gain, k_gain, turns, q_inverse, k_inverse, out, *sums)
        ctx.scale = scale  # type: ignore[attr-defined]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_out: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, q_gain, k_gain, turns, q_inverse, k_inverse, out, *sums = ctx.saved_tensors  # type: ignore[attr-defined]
        queries = normed_and_turned(q, q_gain, turns, q_inverse).transpose(1, 2)
        keys = normed_and_turned(k, k_gain, turns, k_inverse).transpose(1, 2)
        scale: float | None = ctx.scale  # type: ignore[attr-defined]
        d_queries, d_keys, d_v = _attend_gradient(d_out, queries, keys, v.transpose(1, 2), out, sums, scale)
        d_q, d_q_gain = normed_and_turned_gradient(d_queries.transpose(1, 2), q, q_gain, turns, q_inverse)
        d_k, d_k_gain = normed_and_turned_gradient(d_keys.transpose(1, 2), k, k_gain, turns, k_inverse)
        return d_q, d_k, d_v.transpose(1, 2), d_q_gain, d_k_gain, None, None, None


def _room(q: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Memory for what `_attend` gives, made before what it throws away (see `mlp`).

    Attention (B, H, T, D), and of each piece the logs of the sums that its rows were divided by, (B, H, t).
    """
    B, H, T, D = q.shape
    out = q.new_empty(B, T, H, D).transpose(1, 2)
    return out, [q.new_empty(B, H, end - start) for start, end in _pieces(T)]


def _attend(
    q: Tensor, k: Tensor, v: Tensor, scale: float | None, out: Tensor, sums: Sequence[Tensor]
) -> None:
    """Fill `out` and `sums`."""
    for (start, end), log_sum in zip(_pieces(q.shape[2]), sums, strict=True):
        out[:, :, start:end], of_piece = _flash(
            q[:, :, start:end],
            k[:, :, :end],
            v[:, :, :end],
            is_causal=start == 0,
            attn_mask=_mask(start, end, q.dtype),
            scale=scale,
        )
        log_sum.copy_(of_piece)


def _attend_gradient(
    d_out: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, sums: Sequence[Tensor], scale: float | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v for `_attend`."""
    B, H, T, D = q.shape
    d_q = torch.empty(B, T, H, D, dtype=q.dtype).transpose(1, 2)
    d_k: Tensor | None = None
    d_v: Tensor | None = None
    # The last piece sees every key, so its gradients are those that the others add to.
    for (start, end), log_sum in reversed(list(zip(_pieces(T), sums, strict=True))):
        now = slice(start, end)
        d_q[:, :, now], d_keys, d_values = _flash_backward(
            d_out[:, :, now],
            q[:, :, now],
            k[:, :, :end],
            v[:, :, :end],
            out[:, :, now],
            log_sum,
            0.0,
            start == 0,
            attn_mask=_mask(start, end, q.dtype),
            scale=scale,
        )
        if d_k is None or d_v is None:
            d_k, d_v = d_keys, d_values
        else:
            d_k[:, :, :end] += d_keys
            d_v[:, :, :end] += d_values
    assert d_k is not None
    assert d_v is not None
    return d_q, d_k, d_v


def _pieces(T: int) -> list[tuple[int, int]]:
    """Spans of queries: at most MAX_PIECES, none shorter than PIECE_TOKENS unless there is only one."""
    count = max(1, min(MAX_PIECES, T // PIECE_TOKENS))
    return [(T * piece // count, T * (piece + 1) // count) for piece in range(count)]


def _mask(start: int, end: int, dtype: torch.dtype) -> Tensor | None:
    """Additive mask (end - start, end) for queries from `start` on; the kernel has its own for the first piece."""
    if start == 0:
        return None
    return torch.full((end - start, end), float("-inf"), dtype=dtype).triu_(start + 1)
