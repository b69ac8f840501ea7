"""Several processes that train one model: which of them this is, and what they must agree on.

torchrun starts them (`ontogeny.recipe.launch`); `meet` makes them a group. Each holds a part of every weight and reads
a part of every batch; with tensor parallelism, those with the same `data_rank` read the same rows together. What they
tell each other beside tensors are a few numbers a step, over gloo, so that a device need not be waited for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ontogeny.core.errors import UsageError

if TYPE_CHECKING:
    import torch.distributed as dist
    from torch._C._distributed_c10d import Store
    from torch.distributed.device_mesh import DeviceMesh

DATA, TENSOR = "data", "tensor"  # names of the mesh's dimensions
BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
# Longer than any step or save, short enough that a job whose network is gone does not burn a night.
TIMEOUT = timedelta(minutes=10)


class OnlyFirstGoesOn(BaseException):
    """Raised in every process but the first when training is over: only that one has the whole model.

    Whoever started the processes catches it; it is no error, and nothing else should stop it.
    """


@dataclass(frozen=True)
class Ranks:
    """This process among `processes`. The model is cut over `mesh`, (data, tensor); None for one process alone."""

    rank: int = 0
    processes: int = 1
    data_rank: int = 0
    data_count: int = 1
    mesh: DeviceMesh | None = None

    @property
    def first(self) -> bool:
        """Whether this process writes what is written once: metrics, progress, the result."""
        return self.rank == 0

    def total(self, values: Sequence[float]) -> list[float]:
        """Each number summed over the processes that read different rows; float64, the same bits everywhere."""
        if self.mesh is None:
            return list(values)
        import torch.distributed as dist

        return _reduced(values, dist.ReduceOp.SUM, self.mesh[DATA].get_group())

    def count(self, numbers: Sequence[int]) -> list[int]:
        """As `total`, of whole numbers."""
        return [round(number) for number in self.total(numbers)]

    def highest(self, values: Sequence[float]) -> list[float]:
        """The largest of each number over all processes."""
        if self.mesh is None:
            return list(values)
        import torch.distributed as dist

        return _reduced(values, dist.ReduceOp.MAX, None)


ALONE = Ranks()


def _reduced(
    values: Sequence[float], how: dist.ReduceOp.RedOpType, group: dist.ProcessGroup | None
) -> list[float]:
    import torch
    import torch.distributed as dist

    tensor = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(tensor, how, group)
    reduced: list[float] = tensor.tolist()
    return reduced


def whole_model_device(device: str, *, processes: int) -> str:
    """Where a model lies before `processes` train it on `device` together.

    The first has it whole in the machine's own memory, which may hold what no device can; the others have its shapes
    alone, on "meta", until the first sends them their parts (`train.parallel`). One process has it on its device.
    """
    import torch.distributed as dist

    if processes == 1 or not dist.is_initialized():
        return device
    return "cpu" if dist.get_rank() == 0 else "meta"


@contextmanager
def meet(device: str, *, store: Store | None = None, rank: int = 0, count: int = 0) -> Iterator[None]:
    """Make the processes that torchrun started a group, as long as the context lasts.

    Through `store` as `rank` of `count`, else as the environment says (MASTER_ADDR, RANK, WORLD_SIZE).
    """
    import torch
    import torch.distributed as dist

    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if store is None:
        dist.init_process_group(BACKENDS[device], timeout=TIMEOUT)
    else:
        dist.init_process_group(BACKENDS[device], store=store, rank=rank, world_size=count, timeout=TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def current_ranks(*, processes: int, tensor_parallel: int, device: str) -> Ranks:
    """This process among those that `meet` brought together.

    Raises:
        UsageError: there are not as many as `processes`.
    """
    if processes == 1:
        return ALONE
    import torch.distributed as dist

    there = dist.get_world_size() if dist.is_initialized() else 1
    if there != processes:
        raise UsageError(
            f"`processes` is {processes}, and {there} {'is' if there == 1 else 'are'} running",
            where="train",
            hint=f"run it as a step of a recipe, or under torchrun with {processes} processes in all",
        )
    from torch.distributed.device_mesh import init_device_mesh

    shape = (processes // tensor_parallel, tensor_parallel)
    mesh = init_device_mesh(device, shape, mesh_dim_names=(DATA, TENSOR))
    return Ranks(dist.get_rank(), processes, mesh[DATA].get_local_rank(), shape[0], mesh)
