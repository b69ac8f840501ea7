"""One decoder layer: norm, attention, norm, feed-forward, each added to the residual stream."""

from __future__ import annotations

from torch import Tensor, nn

from ontogeny.model.attention import Attention
from ontogeny.model.config import ModelConfig
from ontogeny.model.kv_cache import KVCache
from ontogeny.model.mlp import MLP
from ontogeny.model.norm import RMSNorm


class Block(nn.Module):
    """Pre-norm residual block (arXiv 2002.04745)."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.d_model, config.norm_eps)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = RMSNorm(config.d_model, config.norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: KVCache | None = None) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, cache)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out
