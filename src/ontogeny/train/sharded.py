"""Arithmetic on weights of which each process holds a part: norms, clipping, and updates that need whole matrices.

A weight that is cut is a DTensor (`train.parallel` cuts them); one that is whole goes through all of this untouched,
and nothing of torch.distributed is loaded for it.

The singular values of a matrix are those of the whole: Newton-Schulz on some of its rows is silently wrong. So each
process takes whole matrices in turn, works on those, and sends everyone their rows of the result: two exchanges for all
matrices of a shape, no work done twice, and none holds more than its share of whole matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeGuard

import torch
from torch import Tensor

from ontogeny.model.transformer import Transformer
from ontogeny.train.ranks import OnlyFirstGoesOn, Ranks

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.tensor import DTensor


def is_cut(tensor: Tensor) -> TypeGuard[DTensor]:
    """Whether `tensor` is a DTensor; asks its class, since importing DTensor takes longer than a small step."""
    return hasattr(tensor, "to_local")


def local(tensor: Tensor) -> Tensor:
    """What this process holds of `tensor`, sharing its memory."""
    return tensor.to_local() if is_cut(tensor) else tensor


def gathered(tensor: Tensor) -> Tensor:
    """The whole of `tensor`, in every process; each of them must call it."""
    if not is_cut(tensor):
        return tensor
    from torch.distributed.tensor import Replicate

    placements = list(tensor.placements)
    # One after another: rows were cut again within those of a process.
    for dim in range(tensor.device_mesh.ndim):
        placements[dim] = Replicate()
        tensor = tensor.redistribute(placements=placements)
    return tensor.to_local()


def in_first(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole copies of `tensors` in the memory of the first process's machine, made one after another.

    Every process must call it; the others get nothing.
    """
    import torch.distributed as dist

    first = dist.get_rank() == 0
    found = {}
    for name, tensor in tensors.items():
        whole = gathered(tensor.detach())
        if first:
            # A copy, since what is not really cut, among one, would share its memory.
            found[name] = whole.to("cpu", copy=True)
    return found


def hand_back(trained: Transformer, model: Transformer, ranks: Ranks, device: str) -> None:
    """Give `model`, of which `trained` was made (`train.parallel.made_ready`), the weights and the context of that.

    It is on `device` then, or in the memory of the machine where that cannot hold what several had in parts.

    Raises:
        OnlyFirstGoesOn: in every process but the first, which has nothing more to do.
    """
    if ranks.mesh is not None:
        weights = in_first(dict(trained.named_parameters()))
        if ranks.first:
            for name, weight in model.named_parameters():
                weight.data = weights.pop(name)
            model.make_tables("cpu")
    if not ranks.first:
        raise OnlyFirstGoesOn
    model.change_context(trained.config)
    try:
        model.to(device)
    except torch.OutOfMemoryError:
        model.to("cpu")


def whole_copy(model: Transformer) -> Transformer | None:
    """`model` with whole weights, to be saved by the first process; None in the others, all of which must call it.

    A model that is whole is given back as it is.
    """
    if not is_cut(model.embed_tokens.weight):
        return model
    weights = in_first(dict(model.named_parameters()))
    if not weights:
        return None
    whole = Transformer.without_weights(model.config)
    whole.load_state_dict(weights, assign=True)
    whole.make_tables("cpu")
    return whole


def let_go(model: Transformer) -> None:
    """Keep this process's part of every weight alone, after a forward pass without a backward one."""
    reshard = getattr(model, "reshard", None)  # FSDP gives it to the models that it has cut
    if reshard is not None:
        reshard()


def total_norm(tensors: Sequence[Tensor]) -> Tensor:
    """The norm over all elements of `tensors`, a scalar; the same in every process."""
    by_mesh: dict[DeviceMesh | None, list[Tensor]] = {}
    for tensor in tensors:
        by_mesh.setdefault(tensor.device_mesh if is_cut(tensor) else None, []).append(_row_norms(tensor))
    norms = [gathered(torch.nn.utils.get_total_norm(of_mesh, foreach=True)) for of_mesh in by_mesh.values()]
    return norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))


def _row_norms(tensor: Tensor) -> Tensor:
    """What has the norm of `tensor`, (..., C) to (...). On a CPU torch adds up a whole tensor without pairing: of 30M
    elements in float32 it loses a thousandth, and takes three times as long."""
    return torch.linalg.vector_norm(tensor, dim=-1) if tensor.device.type == "cpu" else tensor


def on_whole_matrices(
    matrices: Sequence[Tensor], parts: Sequence[Tensor], work: Callable[[Tensor], Tensor]
) -> Sequence[Tensor]:
    """`work`, (N, R, C) to (N, R, C), on whole matrices of one shape.

    Args:
        matrices: N weights (R, C), all whole, or all cut over the same processes.
        parts: what this process holds of the matrices to work on, each as `local` of its weight.

    Returns:
        What this process holds of the results.
    """
    cut = [matrix for matrix in matrices if is_cut(matrix)]
    if not cut:
        return work(torch.stack(list(parts))).unbind()
    if cut[0].device_mesh.ndim == 1:
        return _in_turn(cut[0], parts, work)
    return _everywhere(cut, parts, work)


def _in_turn(like: DTensor, parts: Sequence[Tensor], work: Callable[[Tensor], Tensor]) -> Sequence[Tensor]:
    """Matrix i goes to process i modulo their number."""
    import torch.distributed as dist

    group = like.device_mesh.get_group()
    me, count = dist.get_rank(group), dist.get_world_size(group)
    R, C = like.shape
    most = -(-R // count)  # rows of each process; the last ones may have fewer
    rows = [max(0, min(most, R - most * process)) for process in range(count)]
    turns = [range(process, len(parts), count) for process in range(count)]
    sent = [len(turn) * rows[me] * C for turn in turns]
    taken = [len(turns[me]) * each * C for each in rows]
    flat = torch.cat([parts[i].reshape(-1) for turn in turns for i in turn])
    mine = flat.new_empty(sum(taken))
    dist.all_to_all_single(mine, flat, taken, sent, group=group)
    if turns[me]:
        pieces = [piece.view(len(turns[me]), -1, C) for piece in torch.split(mine, taken)]
        done = work(torch.cat(pieces, dim=1))  # (n, R, C)
        mine = torch.cat([piece.reshape(-1) for piece in torch.split(done, rows, dim=1)])
    back = torch.empty_like(flat)
    dist.all_to_all_single(back, mine, sent, taken, group=group)
    results = [Tensor()] * len(parts)
    for turn, of_process in zip(turns, torch.split(back, sent), strict=True):
        for i, result in zip(turn, of_process.view(len(turn), rows[me], C), strict=True):
            results[i] = result
    return results


def _everywhere(
    matrices: Sequence[DTensor], parts: Sequence[Tensor], work: Callable[[Tensor], Tensor]
) -> Sequence[Tensor]:
    """Every process works on every matrix: where they are cut both ways (tensor parallelism), each in its own."""
    from torch.distributed.tensor import DTensor, Replicate

    wholes = [
        gathered(
            DTensor.from_local(
                part,
                matrix.device_mesh,
                matrix.placements,
                run_check=False,
                shape=matrix.shape,
                stride=matrix.stride(),
            )
        )
        for matrix, part in zip(matrices, parts, strict=True)
    ]
    results = []
    for matrix, done in zip(matrices, work(torch.stack(wholes)), strict=True):
        mesh = matrix.device_mesh
        whole = DTensor.from_local(done, mesh, [Replicate()] * mesh.ndim, run_check=False)
        results.append(whole.redistribute(placements=matrix.placements).to_local())
    return results
