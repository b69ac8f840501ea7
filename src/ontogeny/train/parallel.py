"""A model made ready for training: cut among processes, recomputing activations, compiled.

    trained = made_ready(model, config, ranks, ...)  # shares the weights of `model`, or holds this process's parts
    ...                                              # train it
    hand_back(trained, model, ranks, device)         # train.sharded: whole in `model` again, in the first process

The parts are FSDP2's (`fully_shard`: each layer is gathered when it is needed and let go again; arXiv 2304.11277): a
weight is a DTensor whose rows lie spread over the processes. Gradients are summed, not averaged, over processes, since
each loss is already divided by the count of the whole step. Under bfloat16 weights are gathered in bfloat16 and
gradients summed in float32; on a CPU, whose tensors stay float32 (`train.precision`), both are float32.

Only the first process needs the weights when training begins, and may have them where the devices could not hold them:
it sends one after the other to all, and each keeps its part (`train.ranks.whole_model_device`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.utils.checkpoint import checkpoint

from ontogeny.model.transformer import Transformer
from ontogeny.train.config import TrainConfig
from ontogeny.train.ranks import DATA, TENSOR, Ranks
from ontogeny.train.tensor_parallel import cut_matrices


def made_ready(
    model: Transformer, config: TrainConfig, ranks: Ranks, *, device: str, dtype: torch.dtype
) -> Transformer:
    """`model` as it is to be trained on `device`, in products of `dtype`.

    It shares the weights; with several processes it has parts of those of the first, and `model` lets go of its own.

    Raises:
        UsageError: the sizes of the model cannot be cut as `tensor_parallel` asks.
    """
    compiled = config.compiles_on(device)
    trained = _twin(model, own_weights=ranks.mesh is not None)
    if ranks.mesh is not None and config.tensor_parallel > 1:
        cut_matrices(trained, ranks.mesh[TENSOR])
    for block in trained.layers:
        if config.recompute:
            block.forward = _recomputing(block.forward)
        if compiled:
            block.compile()
    if ranks.mesh is not None:
        _spread(trained, ranks.mesh[DATA], dtype)
        _receive(trained, model, ranks, device)
    return trained


def _twin(model: Transformer, *, own_weights: bool) -> Transformer:
    """A copy of `model` with its weights, or without memory for those it is to have of its own."""

    def weight_of(weight: nn.Parameter) -> nn.Parameter:
        return nn.Parameter(weight.to("meta"), weight.requires_grad) if own_weights else weight

    twin: Transformer = copy.deepcopy(model, {id(weight): weight_of(weight) for weight in model.parameters()})
    return twin


def _spread(model: Transformer, mesh: DeviceMesh, dtype: torch.dtype) -> None:
    """Cut every weight of `model` over `mesh`, layer by layer; what is in no layer is one more piece."""
    policy = MixedPrecisionPolicy()
    if mesh.device_type != "cpu" and dtype != torch.float32:
        policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
    for part in (*model.layers, model):
        fully_shard(part, mesh=mesh, mp_policy=policy)
        assert isinstance(part, FSDPModule)
        part.set_gradient_divide_factor(1.0)
        part.set_force_sum_reduction_for_comms(True)
    register_fsdp_forward_method(model, "hidden")  # what objectives call; the head is still whole after it


def _receive(trained: Transformer, model: Transformer, ranks: Ranks, device: str) -> None:
    """Fill the parts of `trained` from the `model` of the first process; every `model` lets go of its weights."""
    sent: dict[str, Any] = {}
    if ranks.first:
        sent |= {name: weight.detach() for name, weight in model.named_parameters()}
    trained.to_empty(device=device)
    from_first = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
    set_model_state_dict(trained, sent, options=from_first)
    trained.make_tables(device)
    for weight in model.parameters():
        weight.data = weight.data.new_empty(0)


def _recomputing(forward: Callable[..., Any]) -> Callable[..., Any]:
    """`forward`, keeping its inputs alone for the backward pass, which does it again (arXiv 1604.06174)."""

    def run(*arguments: Any, **named: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*arguments, **named)
        return checkpoint(forward, *arguments, use_reentrant=False, preserve_rng_state=False, **named)

    return run
