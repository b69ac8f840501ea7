"""Keys and values of the tokens already read, in tensors allocated once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ontogeny.model.config import ModelConfig


class KVCache:
    """Room for `capacity` tokens of `batch` rows; every row has read `length` of them, padding included.

    Layers with a window keep everything as well: what they do not see is masked, not forgotten.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        batch: int = 1,
        capacity: int | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.capacity = min(capacity or config.seq_len, config.seq_len)
        self.length = 0
        shape = (config.n_layers, batch, config.n_kv_heads, self.capacity, config.head_dim)
        self._keys = torch.zeros(shape, device=device, dtype=dtype)
        self._values = torch.zeros(shape, device=device, dtype=dtype)
        self._real: Tensor | None = None  # (B, capacity) bool, once there has been padding

    @property
    def nbytes(self) -> int:
        """Of all keys and values that it has room for."""
        return self._keys.nbytes + self._values.nbytes

    def admit(self, mask: Tensor | None, rows: int, tokens: int) -> Tensor | None:
        """Which of everything read, and of the `tokens` to come, is no padding: (B, length + tokens) bool.

        None while there has been no padding. `mask` (B, tokens) tells it of the tokens to come; None: all are real.
        """
        end = self.length + tokens
        if mask is not None and self._real is None:
            self._real = torch.ones(rows, self.capacity, dtype=torch.bool, device=self._keys.device)
        if self._real is None:
            return None
        self._real[:, self.length : end] = True if mask is None else mask
        return self._real[:, :end]

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write (B, K, T, D) behind the tokens read so far; returns everything up to there, (B, K, length + T, D).

        `length` moves only with `advance`, once every layer has written.
        """
        end = self.length + keys.shape[2]
        self._keys[layer, :, :, self.length : end] = keys
        self._values[layer, :, :, self.length : end] = values
        return self._keys[layer, :, :, :end], self._values[layer, :, :, :end]

    def advance(self, tokens: int) -> None:
        """`tokens` more have been read by every layer."""
        self.length += tokens

    def rewind(self, length: int) -> None:
        """Forget everything after the first `length` tokens."""
        self.length = length

    def begin(self, length: int) -> None:
        """As if every row of this empty cache had read `length` tokens of padding, for `fill` to put text in their
        place."""
        self._real = torch.zeros(
            (self._keys.shape[1], self.capacity), dtype=torch.bool, device=self._keys.device
        )
        self.length = length

    def fill(self, row: int, read: KVCache) -> None:
        """Put what the first row of `read` has read into `row`, so that it ends where the rows of this cache end."""
        assert self._real is not None, "begin comes first"
        begin = self.length - read.length
        self._keys[:, row, :, begin : self.length] = read._keys[:, 0, :, : read.length]
        self._values[:, row, :, begin : self.length] = read._values[:, 0, :, : read.length]
        self._real[row, begin : self.length] = True

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but these, which are renumbered in their order."""
        wanted = torch.tensor(rows, device=self._keys.device)
        self._keys, self._values = self._keys[:, wanted], self._values[:, wanted]
        self._real = None if self._real is None else self._real[wanted]
