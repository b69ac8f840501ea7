"""The decoder: token ids in, a distribution over the next token out.

Attributes carry the names of the Hugging Face architecture, so `state_dict()` is a checkpoint but for the prefix
`model.`. The loss lives in `model.loss`, the initial weights in `model.init`.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ontogeny.core.errors import UsageError
from ontogeny.core.process import prepare_process
from ontogeny.model.block import Block
from ontogeny.model.branches import Branches, families
from ontogeny.model.config import ModelConfig
from ontogeny.model.kv_cache import KVCache
from ontogeny.model.norm import make_norm
from ontogeny.model.packed import document_bounds, has_varlen_kernel
from ontogeny.model.places import (
    Places,
    positions_in_documents,
    positions_of,
    visible_in_documents,
    visible_tokens,
)
from ontogeny.model.rope import rope_tables

FIRST_ROWS = 4096  # of the tables of RoPE: the context a config.json claims costs memory only once it is used


class Transformer(nn.Module):
    """A causal decoder. Weights are whatever PyTorch leaves in them until `initialise` or a load fills them."""

    def __init__(self, config: ModelConfig) -> None:
        prepare_process()  # every computation of ours begins with a model
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.embed_positions = (
            nn.Embedding(config.seq_len, config.d_model) if config.positions == "learned" else None
        )
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = make_norm(config)
        self.lm_head = (
            None if config.tie_embeddings else nn.Linear(config.d_model, config.vocab_size, bias=False)
        )
        self.make_tables()

    @classmethod
    def without_weights(cls, config: ModelConfig) -> Transformer:
        """Names and shapes alone, on "meta": where weights come from elsewhere, none need be made first."""
        with torch.device("meta"):
            return cls(config)

    def make_tables(self, device: torch.device | str | None = None) -> None:
        """Compute the tables of RoPE; they follow from the sizes and are in no checkpoint.

        They have a row for each of the first places, and grow when later ones are read.
        """
        if self.config.positions == "learned":
            return
        rows = min(FIRST_ROWS, self.config.seq_len)
        for kind in ("", "local_") if self.config.local_rope_base is not None else ("",):
            cos, sin = self._computed_tables(kind, rows)
            self._keep_tables(kind, cos.to(device), sin.to(device))

    def _computed_tables(self, kind: str, rows: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines (rows, D/2) of layers of a kind; a row is the same however many there are."""
        config = self.config
        if kind == "local_":
            assert config.local_rope_base is not None, "else there is one kind of table"
            return rope_tables(rows, config.head_dim, config.local_rope_base)
        return rope_tables(rows, config.head_dim, config.rope_base, config.rope_scaling)

    def _keep_tables(self, kind: str, cos: Tensor, sin: Tensor) -> None:
        self.register_buffer(f"{kind}cos", cos, persistent=False)
        self.register_buffer(f"{kind}sin", sin, persistent=False)

    def _tables(self, kind: str, rows: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines of layers of a kind, with at least `rows` rows where the context has so many.

        What is returned is long enough even where another thread puts a shorter pair in its place.
        """
        tables = dict(self.named_buffers(recurse=False))
        cos, sin = tables[f"{kind}cos"], tables[f"{kind}sin"]
        have, wanted = min(len(cos), len(sin)), min(rows, self.config.seq_len)
        if wanted <= have:
            return cos, sin
        longer = min(max(wanted, 2 * have), self.config.seq_len)
        with torch.inference_mode(False):  # training may go on with tables that grew while a text was written
            grown = self._computed_tables(kind, longer)
            cos, sin = grown[0].to(cos), grown[1].to(sin)
        self._keep_tables(kind, cos, sin)
        return cos, sin

    def change_context(self, config: ModelConfig) -> None:
        """Become the model of `config`, which has the same weights, but may read longer rows or turn them otherwise."""
        if config == self.config:
            return
        self.config = config
        self.make_tables(self.device)

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

    def forward(self, idx: Tensor, *, cache: KVCache | None = None, mask: Tensor | None = None) -> Tensor:
        """Logits (B, T, V) for token ids `idx` (B, T); see `hidden`."""
        return self.head(self.hidden(idx, cache=cache, mask=mask))

    def hidden(
        self,
        idx: Tensor,
        *,
        cache: KVCache | None = None,
        mask: Tensor | None = None,
        documents: Tensor | None = None,
        branches: Branches | None = None,
        noise: Tensor | None = None,
        at: Tensor | None = None,
    ) -> Tensor:
        """Final normalised states (B, T, C) of token ids `idx` (B, T), or (B, P, C) of those `at` some places.

        Args:
            cache: what has been read before; `idx` continues it, and is added to it.
            mask: (B, T), true for tokens and false for padding, on any side; all are tokens when not given. Positions
                count tokens only, so those of a row have the states they have without its padding; the states of
                padding mean nothing. A cache remembers its padding: `mask` is about `idx` alone. Padding on the right
                of rows without a cache needs no mask, nobody looks at it.
            documents: (B, T), a number for the document of each token; those of one document are neighbours. A token
                sees its own document alone, and positions count from its beginning, so that the states are those of
                the documents one by one; a row may be longer than the context, a document not. Not with a cache or a
                mask.
            branches: how the tokens of one row hang together; each sees the text that leads to it, at the places of
                that text. Not with a cache, a mask or documents.
            noise: (B, T, C), added to the vectors that enter the first layer.
            at: (P,), rising, the places in `idx` whose states are wanted; of the others the last layer computes keys
                and values only. Not with documents.

        Raises:
            UsageError: the tokens do not fit into the context, or into the cache; a mask or numbers of documents of
                another shape, or both at once.
        """
        B, T = idx.shape
        start = 0 if cache is None else cache.length
        limit = self.config.seq_len if cache is None else cache.capacity
        assert at is None or documents is None, "states at some places, and whole packed rows"
        _check_call(idx, start, limit, cache=cache, mask=mask, documents=documents, branches=branches)
        mask = None if mask is None else mask.to(device=idx.device, dtype=torch.bool)
        real = mask if cache is None else cache.admit(mask, B, T)
        if documents is not None:
            positions: Tensor | slice = positions_in_documents(documents)
        elif branches is not None:
            positions = branches.positions(idx.device)
        else:
            positions = slice(start, start + T) if real is None else positions_of(real)[:, start:]
        x = self._embed(idx, positions) if noise is None else self._embed(idx, positions) + noise
        places = partial(self._places, start, T, positions, real, documents, branches)
        everywhere = places(local=False)
        nearby = everywhere if self.config.window is None else places(local=True)
        local = set(self.config.local_layers)
        of_layers = [nearby if layer in local else everywhere for layer in range(len(self.layers))]
        if at is not None:
            of_layers[-1] = places(local=len(self.layers) - 1 in local, at=at)
        for block, of_layer in zip(self.layers, of_layers, strict=True):
            x = block(x, of_layer, cache)
        if cache is not None:
            cache.advance(T)
        out: Tensor = self.norm(x)
        return out

    def _embed(self, idx: Tensor, positions: Tensor | slice) -> Tensor:
        """Vectors (B, T, C) that enter the first layer."""
        x: Tensor = self.embed_tokens(idx)
        if self.config.scale_embeddings:  # the factor in the type of the weights, as transformers has it
            x = x * torch.tensor(self.config.d_model**0.5, dtype=x.dtype, device=x.device)
        if self.embed_positions is not None:
            x = x + self.embed_positions.weight[positions]
        return x

    def _places(
        self,
        start: int,
        T: int,
        positions: Tensor | slice,
        real: Tensor | None,
        documents: Tensor | None,
        branches: Branches | None,
        *,
        local: bool,
        at: Tensor | None = None,
    ) -> Places:
        """What layers that see everything need to know of positions, or what local ones do."""
        window = self.config.window if local else None
        cos: Tensor | None = None
        sin: Tensor | None = None
        if self.config.positions == "rope":
            kind = "local_" if local and self.config.local_rope_base is not None else ""
            # No place of a text lies beyond the tokens read. Told from shapes: looking at `positions` halts a GPU.
            cos_rows, sin_rows = self._tables(kind, start + T)
            cos, sin = cos_rows[positions], sin_rows[positions]
        if branches is not None:
            at_once = families(branches, window=window, device=self.device, dtype=self.dtype, at=at)
            return Places(cos, sin, None, families=at_once, at=at)
        if documents is None:
            visible = visible_tokens(T, start + T, real=real, window=window, device=self.device, at=at)
            return Places(cos, sin, visible, at=at)
        if self.device.type == "cpu" or has_varlen_kernel(self.config, self.device, self.dtype):
            return Places(cos, sin, None, document_bounds(documents, window=window))
        return Places(cos, sin, visible_in_documents(documents, window=window))

    def head(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden states (..., C)."""
        return F.linear(hidden, self.head_weight)

    def new_cache(self, *, batch: int = 1, capacity: int | None = None) -> KVCache:
        """An empty cache on this model's device."""
        return KVCache(self.config, batch=batch, capacity=capacity, device=self.device, dtype=self.dtype)


def _check_call(
    idx: Tensor,
    start: int,
    limit: int,
    *,
    cache: KVCache | None,
    mask: Tensor | None,
    documents: Tensor | None,
    branches: Branches | None,
) -> None:
    """Raise UsageError for what `Transformer.hidden` does not take; `start` tokens of `limit` were read before."""
    for values, name in ((mask, "a mask"), (documents, "numbers of documents")):
        if values is not None and values.shape != idx.shape:
            raise UsageError(
                f"{name} of shape {list(values.shape)} for tokens of shape {list(idx.shape)}",
                hint="give one value for every token of this call; a cache remembers those before",
            )
    if documents is not None and (cache is not None or mask is not None):
        raise UsageError(
            "numbers of documents together with a cache or a mask", hint="they are for whole packed rows"
        )
    longest = start + idx.shape[1]
    if documents is not None and longest > limit:
        longest = int(positions_in_documents(documents).max()) + 1
    if branches is not None:
        assert (cache, mask, documents) == (None, None, None), "branches stand alone"
        assert tuple(idx.shape) == (1, branches.length), "one row, and a segment for every token of it"
        longest = branches.longest
    if longest > limit:
        raise UsageError(
            f"{longest} tokens do not fit into a context of {limit}",
            hint="shorten the text, or use a model with a longer seq_len",
        )
