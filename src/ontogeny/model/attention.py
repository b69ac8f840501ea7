"""Grouped-query causal attention (arXiv 2305.13245) with optional QK-norm (arXiv 2010.04245), RoPE and window.

B rows, T new tokens, S tokens read in all, H query heads, K key-value heads, D head size, C width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ontogeny.model.branches import attention_in_branches
from ontogeny.model.causal import causal_attention, turned_causal_attention
from ontogeny.model.config import ModelConfig
from ontogeny.model.kv_cache import KVCache
from ontogeny.model.matrix import Matrix
from ontogeny.model.norm import RMSNorm, has_cpu_gradient, inverse_rms
from ontogeny.model.one_by_one import attention_one_by_one
from ontogeny.model.packed import attention_within
from ontogeny.model.places import Places
from ontogeny.model.projections import are_plain, matrix_of, multiply, project
from ontogeny.model.rope import interleaved, normed_and_turned, rotate, turned


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
        plain = cache is None and self._is_plain(x, norm, places)
        if plain and places.visible is None and not places.families:
            mixed = self._mixed_plainly(x, norm, places)
        else:
            paired = plain and not torch.is_grad_enabled()
            heads = self._paired_heads(x, norm, places) if paired else self._heads(x, norm, places)
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
        q, k, v = (self._cut(each) for each in projected)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if places.cos is not None and places.sin is not None:
            turns = places.cos, places.sin
            of_queries = turns if places.at is None else (each[..., places.at, :] for each in turns)
            q, k = rotate(q, *of_queries), rotate(k, *turns)
        return q, k, v

    def _is_plain(self, x: Tensor, norm: nn.Module, places: Places) -> bool:
        """Whether the ways made for a CPU serve: RoPE, no biases, no window within documents."""
        return (
            (places.bounds is None or places.bounds.window is None)
            and places.cos is not None
            and type(norm) is RMSNorm
            and has_cpu_gradient(x)
            and are_plain((self.q_proj, self.k_proj, self.v_proj))
        )

    def _mixed_plainly(self, x: Tensor, norm: nn.Module, places: Places) -> Tensor:
        """Attention (B, H, T, D) over whole rows or documents, the pairs of a head side by side (see `model.rope`)."""
        assert isinstance(norm, RMSNorm)
        q, k, v = (self._cut(each) for each in multiply(x, norm, self._paired_matrices()))
        gains, eps = None, norm.eps
        if self.q_norm is not None and self.k_norm is not None:
            gains, eps = (self._paired(self.q_norm.gain), self._paired(self.k_norm.gain)), self.q_norm.eps
        begins = None if places.bounds is None else places.bounds.begins.tolist()
        turns = _turns(places, x.dtype)
        return turned_causal_attention(q, k, v, gains, turns, eps=eps, scale=self.scale, begins=begins)

    def _paired_heads(self, x: Tensor, norm: nn.Module, places: Places) -> tuple[Tensor, Tensor, Tensor]:
        """As `_heads`, the pairs of a head side by side; nothing for a cache, and it has no gradients."""
        assert isinstance(norm, RMSNorm)
        matrices, turns = self._paired_matrices(), _turns(places, x.dtype)
        if places.at is None:
            products, of_queries = multiply(x, norm, matrices), turns
        else:
            products = *multiply(x[:, places.at], norm, matrices[:1]), *multiply(x, norm, matrices[1:])
            of_queries = turns[..., places.at, :, :]
        q, k, v = (self._cut(each) for each in products)
        return self._turned(q, self.q_norm, of_queries), self._turned(k, self.k_norm, turns), v

    def _turned(self, heads: Tensor, norm: RMSNorm | None, turns: Tensor) -> Tensor:
        if norm is None:
            return turned(heads, turns)
        return normed_and_turned(heads, self._paired(norm.gain), turns, inverse_rms(heads, norm.eps))

    def _paired_matrices(self) -> tuple[Matrix, Matrix, Matrix]:
        """Of queries and keys with interleaved rows, and of values."""
        queries, keys, values = (matrix_of(layer) for layer in (self.q_proj, self.k_proj, self.v_proj))
        return queries.with_rows(self._paired), keys.with_rows(self._paired), values

    def _paired(self, rows: Tensor) -> Tensor:
        return interleaved(rows, self.head_dim)

    def _cut(self, states: Tensor) -> Tensor:
        """(B, T, H * D) as heads (B, T, H, D)."""
        return states.view(*states.shape[:-1], -1, self.head_dim)


def _turns(places: Places, dtype: torch.dtype) -> Tensor:
    """The tables of RoPE as complex numbers, (T, 1, D/2) or (B, T, 1, D/2)."""
    assert places.cos is not None
    assert places.sin is not None
    return torch.complex(places.cos.to(dtype), places.sin.to(dtype)).unsqueeze(-2)
