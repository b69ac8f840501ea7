"""Attention within the documents of packed rows on a CPU: each document alone, by the kernel for whole rows.

Nothing is computed that a mask would throw away, and no mask is made: attention costs the sum of the squares of the
documents' lengths, where a mask costs the square of the row's. On CUDA one kernel takes them all (`model.packed`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ontogeny.model.causal import causal_attention
from ontogeny.model.packed import DocumentBounds
from ontogeny.model.places import visible_tokens


def attention_one_by_one(
    q: Tensor, k: Tensor, v: Tensor, bounds: DocumentBounds, *, scale: float | None = None
) -> Tensor:
    """Attention of q (B, H, T, D) over k, v (B, K, T, D), every token over those of its document up to itself.

    Scores are multiplied with `scale`, 1 / sqrt(D) when not given.
    """
    B, H, T, D = q.shape
    lengths = bounds.begins.diff().tolist()
    laid = (each.transpose(1, 2).reshape(1, B * T, -1, D).transpose(1, 2) for each in (q, k, v))
    documents = zip(*(torch.split(each, lengths, dim=2) for each in laid), strict=True)
    mixed = [_alone(*document, window=bounds.window, scale=scale) for document in documents]
    return torch.cat(mixed, dim=2).transpose(1, 2).reshape(B, T, H, D).transpose(1, 2)


def _alone(q: Tensor, k: Tensor, v: Tensor, *, window: int | None, scale: float | None) -> Tensor:
    """Attention (1, H, L, D) of one document."""
    L = q.shape[2]
    visible = visible_tokens(L, L, real=None, window=window, device=q.device)
    if visible is None:
        return causal_attention(q, k, v, scale=scale)
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=visible, scale=scale, enable_gqa=q.shape[1] != k.shape[1]
    )
