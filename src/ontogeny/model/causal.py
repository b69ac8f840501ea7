"""Causal attention over whole rows on the CPU, or over documents in them, skipping part of what masks would throw away.

PyTorch's flash kernel for the CPU works through blocks of 512 keys, so rows of a few hundred tokens pay for the whole
square though half of it is masked. Here their queries are cut in two, and the first half sees only the keys up to its
end. Longer rows skip blocks by themselves, and PyTorch's own call is used, as elsewhere than on the CPU.

Where products are rounded to bfloat16 (`model.amx`), those of the kernel over up to a thousand keys are not: they are
so small that making the library ready for each costs more than it saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from ontogeny.model.amx import is_rounding, rounding
from ontogeny.model.norm import has_cpu_gradient, inverse_rms
from ontogeny.model.rope import normed_and_turned, normed_and_turned_gradient, turned

HALVED = range(256, 1024)
"""Lengths of rows that are cut in two. At 512 tokens a sixth faster than whole or in four; from 1,024 on the kernel is
faster by itself, by a fifth at 2,048; below 256 the second call costs as much as the first saves."""

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def causal_attention(q: Tensor, k: Tensor, v: Tensor, *, scale: float | None = None) -> Tensor:
    """Attention of q (B, H, T, D) over k, v (B, K, T, D), every token over itself and those left of it.

    Scores are multiplied with `scale`, 1 / sqrt(D) when not given.
    """
    if not has_cpu_gradient(q) or q.shape[2] >= HALVED.stop:
        return F.scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scale, enable_gqa=q.shape[1] != k.shape[1]
        )
    out: Tensor = _Causal.apply(q, k, v, scale)  # type: ignore[no-untyped-call]
    return out


def turned_causal_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    gains: tuple[Tensor, Tensor] | None,
    turns: Tensor,
    *,
    eps: float,
    scale: float | None = None,
    begins: Sequence[int] | None = None,
) -> Tensor:
    """Causal attention (B, H, T, D) of interleaved heads q (B, T, H, D), k (B, T, K, D) after their norms and turns.

    `gains` (D,) are those of queries and keys, None where they have no norms; see `rope.normed_and_turned`. What norms
    give is not kept for the backward pass, but made again. Values v are (B, T, K, D). Second derivatives are not
    supported.

    Args:
        begins: where documents begin in the rows laid end to end, and B * T; each sees itself alone.
    """
    out: Tensor = _TurnedCausal.apply(q, k, v, *(gains or (None, None)), turns, eps, scale, begins)  # type: ignore[no-untyped-call]
    return out


class _Causal(torch.autograd.Function):
    """Second derivatives are not supported."""

    @staticmethod
    def forward(ctx: FunctionCtx, q: Tensor, k: Tensor, v: Tensor, scale: float | None) -> Tensor:
        parts = _parts([0, q.shape[2]])
        out, sums = _room(q, parts)
        _attend(q, k, v, parts, scale, out, sums)
        ctx.save_for_backward(q, k, v, out, *sums)
        ctx.scale = scale  # type: ignore[attr-defined]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_out: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, out, *sums = ctx.saved_tensors  # type: ignore[attr-defined]
        parts = _parts([0, q.shape[2]])
        return *_attend_gradient(d_out, q, k, v, parts, out, sums, ctx.scale), None  # type: ignore[attr-defined]


class _TurnedCausal(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        q_gain: Tensor | None,
        k_gain: Tensor | None,
        turns: Tensor,
        eps: float,
        scale: float | None,
        begins: Sequence[int] | None,
    ) -> Tensor:
        inverses = [None if gain is None else inverse_rms(x, eps) for x, gain in ((q, q_gain), (k, k_gain))]
        parts = _parts([0, q.shape[1]] if begins is None else begins)
        end_to_end = begins is not None
        out, sums = _room(_heads_first(q, end_to_end), parts)
        queries = _ready(q, q_gain, turns, inverses[0])
        keys = _ready(k, k_gain, turns, inverses[1])
        q_first, k_first, v_first = (_heads_first(each, end_to_end) for each in (queries, keys, v))
        _attend(q_first, k_first, v_first, parts, scale, out, sums)
        # What no norm was made of is needed in its turned form alone.
        kept = (queries, keys) if q_gain is None else (q, k)
        ctx.save_for_backward(*kept, v, q_gain, k_gain, turns, *inverses, out, *sums)  # type: ignore[arg-type]
        ctx.given = parts, scale, end_to_end  # type: ignore[attr-defined]
        return _tokens_first(out, q).transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_out: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, q_gain, k_gain, turns, q_inverse, k_inverse, out, *sums = ctx.saved_tensors  # type: ignore[attr-defined]
        parts, scale, end_to_end = ctx.given  # type: ignore[attr-defined]
        queries = q if q_gain is None else normed_and_turned(q, q_gain, turns, q_inverse)
        keys = k if k_gain is None else normed_and_turned(k, k_gain, turns, k_inverse)
        d_mixed, q_first, k_first, v_first = (
            _heads_first(each, end_to_end) for each in (d_out.transpose(1, 2), queries, keys, v)
        )
        found = _attend_gradient(d_mixed, q_first, k_first, v_first, parts, out, sums, scale)
        d_queries, d_keys, d_v = (_tokens_first(each, x) for each, x in zip(found, (q, k, v), strict=True))
        d_q, d_q_gain = _ready_gradient(d_queries, q, q_gain, turns, q_inverse)
        d_k, d_k_gain = _ready_gradient(d_keys, k, k_gain, turns, k_inverse)
        return d_q, d_k, d_v, d_q_gain, d_k_gain, None, None, None, None


def _ready(x: Tensor, gain: Tensor | None, turns: Tensor, inverse: Tensor | None) -> Tensor:
    """Heads (B, T, H, D) as they enter attention."""
    return turned(x, turns) if gain is None or inverse is None else normed_and_turned(x, gain, turns, inverse)


def _ready_gradient(
    d_ready: Tensor, x: Tensor, gain: Tensor | None, turns: Tensor, inverse: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Those of heads and gain for `_ready`."""
    if gain is None or inverse is None:
        return turned(d_ready, turns.conj()), None
    return normed_and_turned_gradient(d_ready, x, gain, turns, inverse)


def _heads_first(x: Tensor, end_to_end: bool) -> Tensor:
    """(B, T, H, D) as (B, H, T, D), or with the rows end to end as (1, H, B T, D)."""
    return (x.reshape(1, -1, *x.shape[2:]) if end_to_end else x).transpose(1, 2)


def _tokens_first(x: Tensor, like: Tensor) -> Tensor:
    """The way back from `_heads_first`, to as many rows as `like` (B, T, ., D) has."""
    return x.transpose(1, 2).reshape(*like.shape[:2], -1, like.shape[3])


class _Part(NamedTuple):
    """Queries from `start` to `end` over keys from `begin` to `end`."""

    begin: int
    start: int
    end: int

    @property
    def queries(self) -> slice:
        return slice(self.start, self.end)

    @property
    def keys(self) -> slice:
        return slice(self.begin, self.end)

    @property
    def rounded(self) -> bool:
        """Whether its products are rounded where others are."""
        return self.end - self.begin >= HALVED.stop and is_rounding()


def _parts(begins: Sequence[int]) -> list[_Part]:
    """What is computed in one call each, where documents begin at `begins`, of which the last is the end."""
    return [
        _Part(begin, begin + start, begin + stop)
        for begin, end in pairwise(begins)
        for start, stop in _pieces(end - begin)
    ]


def _room(q: Tensor, parts: Sequence[_Part]) -> tuple[Tensor, list[Tensor]]:
    """Memory for what `_attend` gives, made before what it throws away (see `mlp`).

    Attention (B, H, T, D), and of each part the logs of the sums that its rows were divided by, (B, H, t).
    """
    B, H, T, D = q.shape
    out = q.new_empty(B, T, H, D).transpose(1, 2)
    return out, [q.new_empty(B, H, part.end - part.start) for part in parts]


def _attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    parts: Sequence[_Part],
    scale: float | None,
    out: Tensor,
    sums: Sequence[Tensor],
) -> None:
    """Fill `out` and `sums`."""
    for part, log_sum in zip(parts, sums, strict=True):
        with rounding(part.rounded):
            out[:, :, part.queries], of_part = _flash(
                q[:, :, part.queries],
                k[:, :, part.keys],
                v[:, :, part.keys],
                is_causal=part.start == part.begin,
                attn_mask=_mask(part, q.dtype),
                scale=scale,
            )
        log_sum.copy_(of_part)


def _attend_gradient(
    d_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    parts: Sequence[_Part],
    out: Tensor,
    sums: Sequence[Tensor],
    scale: float | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v for `_attend`."""
    d_q, d_k, d_v = (x.new_empty(x.transpose(1, 2).shape).transpose(1, 2) for x in (q, k, v))
    seen = None
    # The last part of a document sees all its keys, so its gradients are those that the others add to.
    for part, log_sum in reversed(list(zip(parts, sums, strict=True))):
        with rounding(part.rounded):
            d_q[:, :, part.queries], d_keys, d_values = _flash_backward(
                d_out[:, :, part.queries],
                q[:, :, part.queries],
                k[:, :, part.keys],
                v[:, :, part.keys],
                out[:, :, part.queries],
                log_sum,
                0.0,
                part.start == part.begin,
                attn_mask=_mask(part, q.dtype),
                scale=scale,
            )
        for total, found in ((d_k, d_keys), (d_v, d_values)):
            if part.begin == seen:
                total[:, :, part.keys] += found
            else:
                total[:, :, part.keys] = found
        seen = part.begin
    return d_q, d_k, d_v


def _pieces(T: int) -> list[tuple[int, int]]:
    """Spans of queries: halves where that pays, else all of them."""
    return [(0, T // 2), (T // 2, T)] if T in HALVED else [(0, T)]


def _mask(part: _Part, dtype: torch.dtype) -> Tensor | None:
    """Additive mask (t, S) for the queries of a part; the kernel has its own for the first of a document."""
    before = part.start - part.begin
    if before == 0:
        return None
    shape = part.end - part.start, part.end - part.begin
    return torch.full(shape, float("-inf"), dtype=dtype).triu_(before + 1)
