"""The exact memory of tensors in a training run on the CPU: every storage an operation makes, until it is freed."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ontogeny.model.config import ModelConfig
from ontogeny.model.init import initialise
from ontogeny.model.transformer import Transformer
from ontogeny.train.batches import Batch
from ontogeny.train.config_optimizer import OptimizerConfig
from ontogeny.train.loop import Run, TrainState, run
from ontogeny.train.objective import next_token
from ontogeny.train.optim import Optimizer


class LiveBytes(TorchDispatchMode):
    """Sums the storages that are alive; `peak` is the most there were at once."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._now = 0
        self._sizes: dict[int, int] = {}

    def add(self, tensor: torch.Tensor) -> None:
        """Count the storage of `tensor`, once."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._sizes:
            return
        self._sizes[key] = storage.nbytes()
        self._now += storage.nbytes()
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._drop, key)

    def _drop(self, key: int) -> None:
        self._now -= self._sizes.pop(key)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        return out


class Feed:
    """The same micro-batches in every step."""

    def __init__(self, config: ModelConfig, rows: int, seq_len: int, count: int) -> None:
        self._batch = Batch(
            idx=torch.randint(0, config.vocab_size, (rows, seq_len)),
            targets=torch.randint(0, config.vocab_size, (rows * seq_len,)),
            positions=None,
            tokens=rows * seq_len,
        )
        self._count = count

    def micro_batches(self, step: int) -> list[Batch]:
        """As many as were asked for."""
        return [self._batch] * self._count

    def documents(self, step: int) -> list[str]:
        """None."""
        return []


def peak_of_training(
    config: ModelConfig,
    *,
    rows: int,
    seq_len: int,
    micro_batches: int,
    optimizer: OptimizerConfig,
    dtype: torch.dtype,
) -> int:
    """Most bytes of tensors at once in three steps."""
    live = LiveBytes()
    feed = Feed(config, rows, seq_len, micro_batches)
    with live:
        model = Transformer(config)
        initialise(model, 0)
        for weight in model.parameters():
            live.add(weight)
        state = TrainState(model, Optimizer(model, optimizer))
        run(state, Run(feed, next_token, steps=3, lr=lambda step: 1.0, clip_grad_norm=1.0, dtype=dtype))
    return live.peak
