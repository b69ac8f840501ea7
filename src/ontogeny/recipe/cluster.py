"""A recipe on several machines: `torchrun --nnodes 2 --nproc-per-node 8 ... -m ontogeny run RECIPE.yaml` on each.

torchrun starts every process with the same command. The first runs the recipe; the others follow it: they wait until it
announces a step that wants them, run it together, and wait again, until the recipe is over. The workspace is a folder
that all machines share. torchrun's own options say what happens when one is lost (`--max-restarts`); the recipe then
goes on from the last checkpoint, as it does after any kill.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ontogeny.core.errors import OntogenyError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Step, StepConfig
from ontogeny.recipe.job import Job

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

log = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(days=30)  # for the next step: a corpus may be curated before it
# Environment of torchrun: ranks make a store of their own instead of sharing torchrun's. That one outlives the ranks
# (as of PyTorch 2.13), and those that are started anew would look for each other where the dead ones were.
OWN_STORE = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"
LOST_CONNECTION = (
    "Connection closed by peer",
    "Connection reset by peer",
    "Broken pipe",
    "remote process exited",
)
OVER = ""  # announced where a job's file is named otherwise


@dataclass
class Cluster:
    """The processes that the user's torchrun started, seen from one of them."""

    rank: int
    processes: int
    store: Store
    jobs: int = field(default=0)
    """Announced so far."""

    @property
    def leads(self) -> bool:
        """Whether this process runs the recipe."""
        return self.rank == 0

    def run(
        self, step: Step, config: StepConfig, inputs: Mapping[str, Artifact], context: Context
    ) -> Outputs:
        """`step.run` in all processes; for the one that leads.

        Raises:
            OntogenyError: what the step raised here.
            UsageError: the step wants another number of processes.
        """
        self.check(config.processes)
        job = Job.prepare(step, config, inputs, context)
        self._announce(str(job.path))
        try:
            with self._meeting(job):
                return job.run(0, context.progress)
        except RuntimeError as error:
            if not _lost_another(error):
                raise
            raise OntogenyError(
                f"another process of this step has ended ({str(error).splitlines()[0]})",
                hint="what it said stands in its own output; as often as `--max-restarts` allows, torchrun starts all "
                "anew, and the step goes on from the last checkpoint",
            ) from error

    def check(self, processes: int) -> None:
        """Refuse a step that wants another number of processes than there are.

        Raises:
            UsageError: names both numbers.
        """
        if processes != self.processes:
            raise UsageError(
                f"`processes` is {processes}, and torchrun started {self.processes}",
                where="train",
                hint=f"set it to {self.processes} (`--set steps.NAME.train.processes={self.processes}`), or to 1",
            )

    def follow(self) -> None:
        """Run what is announced until the recipe is over; for the others."""
        from ontogeny.train.ranks import OnlyFirstGoesOn

        while (path := self._next()) != OVER:
            job = Job.read(Path(path))
            try:
                with self._meeting(job):
                    job.run(self.rank, QuietProgress())
            except OnlyFirstGoesOn:
                continue
            except OntogenyError as error:  # the one that leads meets it too, and tells it
                log.debug("%s failed", job.step, exc_info=error)

    def end(self) -> None:
        """Let the others go; for the one that leads."""
        self._announce(OVER)

    def _announce(self, path: str) -> None:
        self.store.set(f"job/{self.jobs}", path)
        self.jobs += 1

    def _next(self) -> str:
        self.store.wait([f"job/{self.jobs}"], LONGEST_WAIT)
        path = self.store.get(f"job/{self.jobs}").decode()
        self.jobs += 1
        return path

    @contextmanager
    def _meeting(self, job: Job) -> Iterator[None]:
        from torch._C._distributed_c10d import PrefixStore

        from ontogeny.train.ranks import meet

        store = PrefixStore(f"group/{self.jobs}", self.store)
        with meet(job.device, store=store, rank=self.rank, count=self.processes):
            yield


def _lost_another(error: RuntimeError) -> bool:
    """Whether an error is how a process feels the end of another."""
    import torch.distributed as dist

    if isinstance(error, (dist.DistNetworkError, dist.DistStoreError)):
        return True
    return any(said in str(error) for said in LOST_CONNECTION)  # gloo and NCCL have no class for it


@contextmanager
def join_cluster() -> Iterator[Cluster | None]:
    """The processes that a torchrun around this command started; None without one. At its end they are let go.

    Raises:
        UsageError: torchrun may start processes anew, and would have them meet in the store of those that died.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield None
        return
    shared = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if shared and os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0") != "0":
        raise UsageError(
            "processes that torchrun starts anew would look for those that died, in the store that it keeps for them",
            hint=f"set {OWN_STORE}=1 where torchrun is started (docs/scaling.md), or leave `--max-restarts` out",
        )
    from torch.distributed.rendezvous import rendezvous

    store, rank, processes = next(rendezvous("env://"))
    cluster = Cluster(rank, processes, store)
    try:
        yield cluster
    finally:
        if cluster.leads:
            cluster.end()
