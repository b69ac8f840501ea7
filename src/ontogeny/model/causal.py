"""Causal attention over whole rows on the CPU, skipping part of what the mask would throw away.

PyTorch's flash kernel for the CPU works through blocks of 512 keys, so rows of a few hundred tokens pay for the whole
square though half of it is masked. Here the queries are cut into pieces, and a piece sees only the keys up to its end.
Memory stays linear in T. Elsewhere than on the CPU, and for short rows, PyTorch's own call is used.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from ontogeny.model.norm import has_cpu_gradient

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


class _Causal(torch.autograd.Function):
    """Second derivatives are not supported."""

    @staticmethod
    def forward(ctx: FunctionCtx, q: Tensor, k: Tensor, v: Tensor, scale: float | None) -> Tensor:
        B, H, T, D = q.shape
        out = torch.empty(B, T, H, D, dtype=q.dtype).transpose(1, 2)
        sums = []
        for start, end in _pieces(T):
            part, log_sum = _flash(
                q[:, :, start:end],
                k[:, :, :end],
                v[:, :, :end],
                is_causal=start == 0,
                attn_mask=_mask(start, end, q.dtype),
                scale=scale,
            )
            out[:, :, start:end] = part
            sums.append(log_sum)
        ctx.save_for_backward(q, k, v, out, *sums)
        ctx.scale = scale  # type: ignore[attr-defined]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_out: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, out, *sums = ctx.saved_tensors  # type: ignore[attr-defined]
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
                scale=ctx.scale,  # type: ignore[attr-defined]
            )
            if d_k is None or d_v is None:
                d_k, d_v = d_keys, d_values
            else:
                d_k[:, :, :end] += d_keys
                d_v[:, :, :end] += d_values
        assert d_k is not None
        assert d_v is not None
        return d_q, d_k, d_v, None


def _pieces(T: int) -> list[tuple[int, int]]:
    """Spans of queries: at most MAX_PIECES, none shorter than PIECE_TOKENS unless there is only one."""
    count = max(1, min(MAX_PIECES, T // PIECE_TOKENS))
    return [(T * piece // count, T * (piece + 1) // count) for piece in range(count)]


def _mask(start: int, end: int, dtype: torch.dtype) -> Tensor | None:
    """Additive mask (end - start, end) for queries from `start` on; the kernel has its own for the first piece."""
    if start == 0:
        return None
    return torch.full((end - start, end), float("-inf"), dtype=dtype).triu_(start + 1)
