"""Grouped-query causal attention (arXiv 2305.13245) with optional QK-norm (arXiv 2010.04245), RoPE and window.

B rows, T new tokens, S tokens read in all, H query heads, K key-value heads, D head size, C width.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ontogeny.model.branches import attention_in_branches
from ontogeny.model.causal import causal_attention, turned_causal_attention
from ontogeny.model.config import ModelConfig
from ontogeny.model.kv_cache import KVCache
from ontogeny.model.norm import RMSNorm, has_cpu_gradient
from ontogeny.model.one_by_one import attention_one_by_one
from ontogeny.model.packed import attention_within
from ontogeny.model.places import Places
from ontogeny.model.projections import are_plain, matrix_of, multiply, project
from ontogeny.model.rope import interleaved, rotate


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
        self.o_proj = nn.Linear(inner, config.d_model, bias=config.o_bias)
        self.q_norm = self._head_norm(config)
        self.k_norm = self._head_norm(config)
        scalar = config.query_pre_attn_scalar
        self.scale = None if scalar in (None, config.head_dim) else scalar**-0.5  # None: 1 / sqrt(D)

    @staticmethod
    def _head_norm(config: ModelConfig) -> RMSNorm | None:
        if not config.qk_norm:
            return None
        return RMSNorm(config.head_dim, config.norm_eps, unit_offset=config.norm_unit_offset)

    def forward(self, x: Tensor, norm: nn.Module, places: Places, cache: KVCache | None = None) -> Tensor:
        """Mix norm(x), `x` (B, T, C), over time; (B, P, C) where only some places look."""
        if self._trains_plainly(x, norm, places, cache):
            mixed = self._mixed_in_training(x, norm, places)
        else:
            heads = self._heads(x, norm, places)
            q, k, v = (each.transpose(1, 2) for each in heads)  # (B, H, T, D), (B, K, T, D) twice
            if cache is not None:
                k, v = cache.append(self.layer, k, v)  # (B, K, S, D)
            mixed = self._mixed(q, k, v, places, alone=cache is None)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(2))
        return out

    def _mixed(self, q: Tensor, k: Tensor, v: Tensor, places: Places, *, alone: bool) -> Tensor:
        """Attention (B, H, T, D); `alone`: keys and values (B, K, S, D) are those of the same tokens as queries."""
        if places.families:
            return attention_in_branches(q, k, v, places.families, scale=self.scale)
        if places.bounds is not None:
            within = attention_one_by_one if q.device.type == "cpu" else attention_within
            return within(q, k, v, places.bounds, scale=self.scale)
        if alone and places.visible is None:
            return causal_attention(q, k, v, scale=self.scale)
        return F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=places.visible,
            is_causal=places.visible is None and q.shape[2] > 1,
            scale=self.scale,
            enable_gqa=q.shape[1] != k.shape[1],
        )

    def _heads(self, x: Tensor, norm: nn.Module, places: Places) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, T, H, D) and keys (B, T, K, D), normalised and turned where the family does so; values."""
        projected: tuple[Tensor, ...]
        if places.at is None:
            projected = project(x, norm, (self.q_proj, self.k_proj, self.v_proj))
        else:
            looking = x[:, places.at]
            projected = *project(looking, norm, (self.q_proj,)), *project(x, norm, (self.k_proj, self.v_proj))
        q, k, v = (each.view(*each.shape[:-1], -1, self.head_dim) for each in projected)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if places.cos is not None and places.sin is not None:
            turns = places.cos, places.sin
            of_queries = turns if places.at is None else (each[..., places.at, :] for each in turns)
            q, k = rotate(q, *of_queries), rotate(k, *turns)
        return q, k, v

    def _trains_plainly(self, x: Tensor, norm: nn.Module, places: Places, cache: KVCache | None) -> bool:
        """Whether the way made for training on a CPU serves: whole rows or documents, RoPE, no mask, no biases."""
        return (
            cache is None
            and places.visible is None
            and (places.bounds is None or places.bounds.window is None)
            and not places.families
            and places.cos is not None
            and type(norm) is RMSNorm
            and has_cpu_gradient(x)
            and are_plain((self.q_proj, self.k_proj, self.v_proj))
        )

    def _mixed_in_training(self, x: Tensor, norm: nn.Module, places: Places) -> Tensor:
        """Attention (B, H, T, D), the pairs of a head side by side (see `model.rope`): nothing for a cache."""
        assert isinstance(norm, RMSNorm)
        assert places.cos is not None
        assert places.sin is not None
        B, T, _ = x.shape
        D = self.head_dim
        queries, keys, values = (matrix_of(layer) for layer in (self.q_proj, self.k_proj, self.v_proj))
        reordered = partial(interleaved, head_dim=D)
        matrices = queries.with_rows(reordered), keys.with_rows(reordered), values
        q, k, v = (each.view(B, T, -1, D) for each in multiply(x, norm, matrices))
        turns = torch.complex(places.cos.to(x.dtype), places.sin.to(x.dtype)).unsqueeze(-2)  # (T, 1, D/2)
        gains, eps = None, norm.eps
        if self.q_norm is not None and self.k_norm is not None:
            gains, eps = (reordered(self.q_norm.gain), reordered(self.k_norm.gain)), self.q_norm.eps
        begins = None if places.bounds is None else places.bounds.begins.tolist()
        return turned_causal_attention(q, k, v, gains, turns, eps=eps, scale=self.scale, begins=begins)
