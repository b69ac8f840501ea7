"""Rotary position embedding (arXiv 2104.09864), half-split as in Llama and Qwen.

A head of size D is two halves (a, b); at position t the pair (a_i, b_i) is turned by the angle t · base^(-2i/D):

    a' = a cos - b sin,    b' = b cos + a sin

The interleaved variant of the paper pairs neighbours instead; mixing the two up fails silently, so tests compare with
another implementation.

Training on the CPU is the exception: there the rows of the projections are interleaved on the fly (`interleaved`), so
that a pair lies side by side and turning it is one complex multiplication over contiguous memory, four times as fast
as work on strided halves. Queries and keys are reordered alike, and their products do not change.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ontogeny.model.config import RopeScaling
from ontogeny.model.norm import rms_norm_gradient


def rope_tables(
    seq_len: int, head_dim: int, base: float, scaling: RopeScaling | None = None
) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each (seq_len, head_dim / 2), float32, of angles computed in float32 as transformers does."""
    frequencies = 1.0 / base ** (torch.arange(0, head_dim, 2, dtype=torch.int64).float() / head_dim)
    size = 1.0
    if scaling is not None:
        frequencies, size = _scaled(frequencies, base, scaling), _attention_factor(scaling)
    angles = torch.outer(torch.arange(seq_len, dtype=torch.float32), frequencies)
    return (angles.cos(), angles.sin()) if size == 1.0 else (angles.cos() * size, angles.sin() * size)


def _scaled(frequencies: Tensor, base: float, scaling: RopeScaling) -> Tensor:
    """Frequencies (D/2) for a context that is `scaling.factor` times as long as the original one.

    Each is a mix of itself and itself divided by the factor; the kinds differ in how much of it is divided.
    """
    if scaling.kind == "linear":
        return frequencies / scaling.factor
    assert scaling.original_seq_len is not None, "checked by RopeScaling"
    if scaling.kind == "llama3":
        turns = scaling.original_seq_len * frequencies / (2 * math.pi)
        low, high = scaling.low_freq_factor, scaling.high_freq_factor
        kept = ((turns - low) / (high - low)).clamp(0, 1)
    else:
        kept = 1 - _yarn_ramp(len(frequencies), base, scaling, scaling.original_seq_len)
    return frequencies / scaling.factor * (1 - kept) + frequencies * kept


def _yarn_ramp(half: int, base: float, scaling: RopeScaling, original: int) -> Tensor:
    """0 for dimensions that turn `beta_fast` times or more over the original context, 1 for those below `beta_slow`.

    arXiv 2309.00071, section 3.2, with the ramp over dimensions instead of over turns, as its authors' code has it.
    """
    D = 2 * half

    def dimension(turns: float) -> float:
        return D * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = dimension(scaling.beta_fast), dimension(scaling.beta_slow)
    if scaling.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, D - 1)
    if low == high:
        high += 0.001  # a step instead of a ramp
    return ((torch.arange(half, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)


def _attention_factor(scaling: RopeScaling) -> float:
    """What queries and keys grow by, so that attention over a longer context stays as sharp (arXiv 2309.00071, 3.4)."""
    if scaling.kind != "yarn":
        return 1.0
    return scaling.attention_factor or 0.1 * math.log(scaling.factor) + 1.0


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn heads `x` (B, T, H, D) by tables (T, D/2) or (B, T, D/2); same shape and dtype."""
    cos, sin = cos.to(x.dtype).unsqueeze(-2), sin.to(x.dtype).unsqueeze(-2)  # (T, 1, D/2)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def interleaved(weight: Tensor, head_dim: int) -> Tensor:
    """Rows (H · D, ...) with the halves of each head interleaved: a_0, b_0, a_1, b_1, ... instead of a_0, a_1, ..."""
    rest = weight.shape[1:]
    return weight.view(-1, 2, head_dim // 2, *rest).transpose(1, 2).reshape(weight.shape)


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Interleaved heads `x` (B, T, H, D) turned by complex numbers as in `normed_and_turned`; its gradient is the turn
    by their conjugates.
    """
    return torch.view_as_real(_pairs(x) * turns).view(x.shape)


def normed_and_turned(x: Tensor, gain: Tensor, turns: Tensor, inverse: Tensor) -> Tensor:
    """RMSNorm over each head of interleaved `x` (B, T, H, D) with interleaved gain (D,), then a turn.

    `turns`, (T, 1, D/2) or (B, T, 1, D/2), are the complex numbers cos + i sin; `inverse` (B, T, H, 1) are the heads'
    1/rms. CPU, float32 or float64.
    """
    out = (x * inverse).mul_(gain)
    _pairs(out).mul_(turns)
    return out


def normed_and_turned_gradient(
    d_out: Tensor, x: Tensor, gain: Tensor, turns: Tensor, inverse: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of `x` and `gain` for `normed_and_turned`, whose output's is `d_out` (B, T, H, D)."""
    D = x.shape[-1]
    d_scaled = torch.view_as_real(_pairs(d_out.contiguous()) * turns.conj()).view(-1, D)  # turned back
    d_x, d_gain = rms_norm_gradient(d_scaled, x.reshape(-1, D), gain, inverse.reshape(-1, 1))
    return d_x.view(x.shape), d_gain


def _pairs(x: Tensor) -> Tensor:
    """A complex view (..., D/2) of neighbours in `x` (..., D)."""
    return torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))
