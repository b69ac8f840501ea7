"""A model made ready for training: cut among processes, recomputing activations, compiled.

    trained = made_ready(model, config, ranks)  # shares the weights of `model`, or holds this process's parts of them
    ...                                         # train it
    hand_back(trained, model, ranks)            # train.sharded: whole in `model` again, on the first process

The parts are FSDP2's (`fully_shard`: each layer is gathered when it is needed and let go again; arXiv 2304.11277): a
weight is a DTensor whose rows lie spread over the processes. Gradients are summed, not averaged, over processes, since
each loss is already divided by the count of the whole step. Under bfloat16 weights are gathered in bfloat16 and
gradients summed in float32.

A process has the whole model until it is cut, so a machine needs memory for as many models as it has processes: new
weights could be drawn piece by piece with the same bits (`model.init`), but a model to go on with is read whole, and
tuning measures it whole before it begins.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.utils.checkpoint import checkpoint

from ontogeny.model.transformer import Transformer
from ontogeny.train.config import TrainConfig
from ontogeny.train.ranks import DATA, TENSOR, Ranks
from ontogeny.train.tensor_parallel import cut_matrices


def made_ready(model: Transformer, config: TrainConfig, ranks: Ranks, *, dtype: torch.dtype) -> Transformer:
    """`model` as it is to be trained. It shares the weights; with several processes those of `model` are let go.

    Raises:
        UsageError: the sizes of the model cannot be cut as `tensor_parallel` asks.
    """
    compiled = config.compiles_on(model.device.type)
    weights = list(model.parameters())
    trained: Transformer = copy.deepcopy(model, {id(weight): weight for weight in weights})
    if ranks.mesh is not None and config.tensor_parallel > 1:
        cut_matrices(trained, ranks.mesh[TENSOR])
    for block in trained.layers:
        if config.recompute:
            block.forward = _recomputing(block.forward)
        if compiled:
            block.compile()
    if ranks.mesh is not None:
        _spread(trained, ranks.mesh[DATA], dtype)
        for weight in weights:
            weight.data = weight.data.new_empty(0)
    return trained


def _spread(model: Transformer, mesh: DeviceMesh, dtype: torch.dtype) -> None:
    """Cut every weight of `model` over `mesh`, layer by layer; what is in no layer is one more piece."""
    policy = MixedPrecisionPolicy()
    if (
        dtype != torch.float32 and mesh.device_type != "cpu"
    ):  # there the tensors stay float32: `train.precision`
        policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
    for part in (*model.layers, model):
        fully_shard(part, mesh=mesh, mp_policy=policy)
        assert isinstance(part, FSDPModule)
        part.set_gradient_divide_factor(1.0)
        part.set_force_sum_reduction_for_comms(True)
    register_fsdp_forward_method(model, "hidden")  # what objectives call; the head is still whole after it


def _recomputing(forward: Callable[..., Any]) -> Callable[..., Any]:
    """`forward`, keeping its inputs alone for the backward pass, which does it again (arXiv 1604.06174)."""

    def run(*arguments: Any, **named: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*arguments, **named)
        return checkpoint(forward, *arguments, use_reentrant=False, preserve_rng_state=False, **named)

    return run
