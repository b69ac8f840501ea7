"""The decoder: token ids in, a distribution over the next token out.

Attributes carry the names of the Hugging Face architecture, so `state_dict()` is a checkpoint but for the prefix
`model.`. The loss lives in `model.loss`, the initial weights in `model.init`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ontogeny.core.errors import UsageError
from ontogeny.core.process import prepare_process
from ontogeny.model.block import Block
from ontogeny.model.config import ModelConfig
from ontogeny.model.kv_cache import KVCache
from ontogeny.model.norm import RMSNorm
from ontogeny.model.rope import rope_tables


class Transformer(nn.Module):
    """A causal decoder. Weights are whatever PyTorch leaves in them until `initialise` or a load fills them."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig) -> None:
        prepare_process()  # every computation of ours begins with a model
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = RMSNorm(config.d_model, config.norm_eps)
        self.lm_head = (
            None if config.tie_embeddings else nn.Linear(config.d_model, config.vocab_size, bias=False)
        )
        self.make_tables()

    def make_tables(self, device: torch.device | str | None = None) -> None:
        """Compute the tables of RoPE; they follow from the sizes and are in no checkpoint."""
        config = self.config
        cos, sin = rope_tables(config.seq_len, config.head_dim, config.rope_base)
        self.register_buffer("cos", cos.to(device), persistent=False)
        self.register_buffer("sin", sin.to(device), persistent=False)

    @property
    def head_weight(self) -> Tensor:
        """The matrix (V, C) that turns hidden states into logits; the embedding table when tied."""
        return self.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return self.embed_tokens.weight.dtype

    def forward(self, idx: Tensor, *, cache: KVCache | None = None) -> Tensor:
        """Logits (B, T, V) for token ids `idx` (B, T); with a cache, `idx` continues what it has read."""
        return self.head(self.hidden(idx, cache=cache))

    def hidden(self, idx: Tensor, *, cache: KVCache | None = None) -> Tensor:
        """Final normalised states (B, T, C) of token ids `idx` (B, T).

        Raises:
            UsageError: the tokens do not fit into the context, or into the cache.
        """
        _, T = idx.shape
        start = 0 if cache is None else cache.length
        limit = self.config.seq_len if cache is None else cache.capacity
        if start + T > limit:
            raise UsageError(
                f"{start + T} tokens do not fit into a context of {limit}",
                hint="shorten the text, or use a model with a longer seq_len",
            )
        x = self.embed_tokens(idx)
        cos, sin = self.cos[start : start + T], self.sin[start : start + T]
        for block in self.layers:
            x = block(x, cos, sin, cache)
        if cache is not None:
            cache.advance(T)
        out: Tensor = self.norm(x)
        return out

    def head(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden states (..., C)."""
        return F.linear(hidden, self.head_weight)

    def new_cache(self, *, batch: int = 1, capacity: int | None = None) -> KVCache:
        """An empty cache on this model's device."""
        return KVCache(self.config, batch=batch, capacity=capacity, device=self.device, dtype=self.dtype)
