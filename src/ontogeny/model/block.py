"""One decoder layer: norm, attention, norm, feed-forward, each added to the residual stream."""

from __future__ import annotations

from torch import Tensor, nn

from ontogeny.model.attention import Attention
from ontogeny.model.config import ModelConfig
from ontogeny.model.kv_cache import KVCache
from ontogeny.model.mlp import MLP
from ontogeny.model.norm import make_norm
from ontogeny.model.places import Places


class Block(nn.Module):
    """Pre-norm residual block (arXiv 2002.04745), with norms behind both parts as well where the family has them.

    Published names are kept: what `post_attention_layernorm` normalises depends on `post_norms`.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.post_norms = config.post_norms
        self.input_layernorm = make_norm(config)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = make_norm(config)
        if config.post_norms:
            self.pre_feedforward_layernorm = make_norm(config)
            self.post_feedforward_layernorm = make_norm(config)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, places: Places, cache: KVCache | None = None) -> Tensor:
        """(B, T, C) to (B, T, C), or to (B, P, C) where only some places look."""
        mixed = self.self_attn(x, self.input_layernorm, places, cache)
        if places.at is not None:
            x = x[:, places.at]
        out: Tensor
        if self.post_norms:
            x = x + self.post_attention_layernorm(mixed)
            out = x + self.post_feedforward_layernorm(self.mlp(x, self.pre_feedforward_layernorm))
        else:
            x = x + mixed
            out = x + self.mlp(x, self.post_attention_layernorm)
        return out
