"""Attention within the documents of packed rows on CUDA, by the flash kernel for sequences of several lengths.

Rows are laid end to end and cut where documents begin, so that nothing is computed that a mask would throw away, and no
mask is made. The kernel wants half precision; `model.one_by_one` does the same on a CPU, and elsewhere
`places.visible_in_documents` is a mask for any kernel.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ontogeny.model.config import ModelConfig

LARGEST_HEAD, HEAD_MULTIPLE = 256, 8  # what the kernel takes
FIRST_CAPABILITY = (8, 0)  # of a GPU that has it


class DocumentBounds(NamedTuple):
    """Where documents begin in rows laid end to end."""

    begins: Tensor
    """(N + 1,) int32, ascending: the first token of each of N documents, and the count of all tokens."""
    longest: int
    """An upper bound of their lengths."""
    window: int | None
    """How many tokens are seen, the current one included."""


def has_varlen_kernel(config: ModelConfig, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the kernel takes heads of this model, whose weights are of `dtype`, as they are computed here and now."""
    return (
        device.type == "cuda"
        and _product_dtype(device, dtype) in (torch.bfloat16, torch.float16)
        and config.head_dim <= LARGEST_HEAD
        and config.head_dim % HEAD_MULTIPLE == 0
        and torch.cuda.get_device_capability(device) >= FIRST_CAPABILITY
    )


def document_bounds(documents: Tensor, *, window: int | None) -> DocumentBounds:
    """Where the documents of rows begin; `documents` (B, T) has a number for each token's, equal in neighbours."""
    B, T = documents.shape
    begins = torch.ones_like(documents, dtype=torch.bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    first = begins.flatten().nonzero().squeeze(1)
    everything = torch.full((1,), B * T, device=documents.device)
    return DocumentBounds(torch.cat([first, everything]).to(torch.int32), T, window)


def attention_within(
    q: Tensor, k: Tensor, v: Tensor, bounds: DocumentBounds, *, scale: float | None = None
) -> Tensor:
    """Attention of q (B, H, T, D) over k, v (B, K, T, D), every token over those of its document up to itself.

    Scores are multiplied with `scale`, 1 / sqrt(D) when not given.
    """
    from torch.nn.attention.varlen import varlen_attn

    B, H, T, D = q.shape
    dtype = _product_dtype(q.device, q.dtype)
    queries, keys, values = (each.transpose(1, 2).reshape(B * T, -1, D).to(dtype) for each in (q, k, v))
    out = varlen_attn(
        queries,
        keys,
        values,
        bounds.begins,
        bounds.begins,
        bounds.longest,
        bounds.longest,
        scale=scale,
        window_size=(-1 if bounds.window is None else bounds.window - 1, 0),
        enable_gqa=k.shape[1] != H,
    )
    assert isinstance(out, Tensor), "nothing else was asked for"
    return out.view(B, T, H, D).transpose(1, 2)


def _product_dtype(device: torch.device, dtype: torch.dtype) -> torch.dtype:
    """What products of tensors of `dtype` are computed in: another type under autocast, which custom kernels ignore."""
    if torch.is_autocast_enabled(device.type):
        return torch.get_autocast_dtype(device.type)
    return dtype
