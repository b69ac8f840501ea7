"""Grouped-query causal attention (arXiv 2305.13245) with optional QK-norm (arXiv 2010.04245) and RoPE.

B rows, T new tokens, S tokens read in all, H query heads, K key-value heads, D head size, C width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ontogeny.model.causal import causal_attention
from ontogeny.model.config import ModelConfig
from ontogeny.model.kv_cache import KVCache
from ontogeny.model.norm import RMSNorm, has_cpu_gradient
from ontogeny.model.projections import are_plain, multiply, project
from ontogeny.model.rope import interleaved, norm_and_turn, rotate


class Attention(nn.Module):
    """Attributes carry their Hugging Face names, so that a state dict is a checkpoint."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.n_heads, self.n_kv_heads, self.head_dim = config.n_heads, config.n_kv_heads, config.head_dim
        inner, kv_inner = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
        self.q_proj = nn.Linear(config.d_model, inner, bias=config.qkv_bias)
        self.k_proj = nn.Linear(config.d_model, kv_inner, bias=config.qkv_bias)
        self.v_proj = nn.Linear(config.d_model, kv_inner, bias=config.qkv_bias)
        self.o_proj = nn.Linear(inner, config.d_model, bias=False)
        self.q_norm = RMSNorm(config.head_dim, config.norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(config.head_dim, config.norm_eps) if config.qk_norm else None

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: KVCache | None = None) -> Tensor:
        """Mix `x` (B, T, C) over time; tables (T, D/2) belong to the positions of the T tokens."""
        B, T, _ = x.shape
        layers = (self.q_proj, self.k_proj, self.v_proj)
        fast = cache is None and self.q_norm is not None and has_cpu_gradient(x) and are_plain(layers)
        heads = self._interleaved_heads(x, cos, sin) if fast else self._heads(x, cos, sin)
        q, k, v = (each.transpose(1, 2) for each in heads)  # (B, H, T, D), (B, K, T, D) twice
        mixed = causal_attention(q, k, v) if cache is None else _attend_through(cache, self.layer, q, k, v)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(B, T, self.n_heads * self.head_dim))
        return out

    def _heads(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, T, H, D) and keys (B, T, K, D), normalised where the family does so and turned; values."""
        B, T, _ = x.shape
        projected = project(x, (self.q_proj, self.k_proj, self.v_proj))
        q, k, v = (each.view(B, T, -1, self.head_dim) for each in projected)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def _interleaved_heads(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `_heads`, with the pairs of a head side by side (see `model.rope`): never to be kept in a cache."""
        assert self.q_norm is not None
        assert self.k_norm is not None
        B, T, _ = x.shape
        D = self.head_dim
        weights = interleaved(self.q_proj.weight, D), interleaved(self.k_proj.weight, D), self.v_proj.weight
        q, k, v = (each.view(B, T, -1, D) for each in multiply(x, weights))
        turns = torch.complex(cos.to(x.dtype), sin.to(x.dtype)).unsqueeze(1)  # (T, 1, D/2)
        q = norm_and_turn(q, interleaved(self.q_norm.weight, D), turns, self.q_norm.eps)
        k = norm_and_turn(k, interleaved(self.k_norm.weight, D), turns, self.k_norm.eps)
        return q, k, v


def _attend_through(cache: KVCache, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of new queries (B, H, T, D) over everything the cache has read and the new keys (B, K, T, D)."""
    T, before = q.shape[2], cache.length
    k, v = cache.append(layer, k, v)  # (B, K, S, D)
    return F.scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=_late_causal_mask(T, before, q.device) if before and T > 1 else None,
        is_causal=not before and T > 1,
        enable_gqa=q.shape[1] != k.shape[1],
    )


def _late_causal_mask(T: int, before: int, device: torch.device) -> Tensor:
    """(T, before + T), True where a token may look: everything read before, itself and the new tokens left of it."""
    return torch.ones(T, before + T, dtype=torch.bool, device=device).tril(before)
