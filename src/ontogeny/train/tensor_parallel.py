"""Tensor parallelism: the matrices of a layer cut over processes that work on the same rows (arXiv 1909.08053, 3).

Queries, keys and values are cut by heads, gate and up by columns of the wide state, and the two matrices behind them by
rows, so that a layer adds up twice over the processes: behind attention and behind the feed-forward part. Embedding,
head and norms are whole everywhere. The plan is PyTorch's (`parallelize_module`), which makes the matrices DTensors.

The norms of query and key heads are whole too, but each process sees some heads only, so their gradients are summed.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    RowwiseParallel,
    parallelize_module,
)

from ontogeny.model.attention import Attention
from ontogeny.model.norm import RMSNorm
from ontogeny.model.transformer import Transformer
from ontogeny.train.config_ranks import check_parts


def cut_matrices(model: Transformer, mesh: DeviceMesh) -> None:
    """Cut the layers of `model`, in place, over the one-dimensional `mesh`.

    Raises:
        UsageError: heads or the wide state cannot be cut into as many equal parts.
    """
    check_parts(model.config, mesh.size())
    plan: dict[str, ParallelStyle] = {
        **{f"self_attn.{name}_proj": ColwiseParallel() for name in "qkv"},
        "self_attn.o_proj": RowwiseParallel(),
        "mlp.up_proj": ColwiseParallel(),
        "mlp.down_proj": RowwiseParallel(),
    }
    if model.config.gated_mlp:
        plan["mlp.gate_proj"] = ColwiseParallel()
    group = mesh.get_group()
    for block in model.layers:
        parallelize_module(block, mesh, plan)
        attention = block.self_attn
        assert isinstance(attention, Attention)
        for norm in (attention.q_norm, attention.k_norm):
            if norm is not None:
                norm.__class__ = _HeadNorm
                norm.group = group  # type: ignore[assignment]


class _HeadNorm(RMSNorm):
    """The norm of some of the heads."""

    group: dist.ProcessGroup

    @property
    def gain(self) -> Tensor:
        """What normalised values are multiplied with (D,)."""
        gain: Tensor = _SumOfGradients.apply(super().gain, self.group)  # type: ignore[no-untyped-call]
        return gain


class _SumOfGradients(torch.autograd.Function):
    """The input itself; its gradient is summed over a group."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, group: dist.ProcessGroup) -> Tensor:
        ctx.group = group  # type: ignore[attr-defined]
        return x.view_as(x)

    @staticmethod
    def backward(ctx: FunctionCtx, d_out: Tensor) -> tuple[Any, ...]:
        total = d_out.clone()
        dist.all_reduce(total, group=ctx.group)  # type: ignore[attr-defined]
        return total, None
