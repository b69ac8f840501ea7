"""A step that wants several processes, run on this machine: torchrun starts them.

`run_together` writes a job, lets torchrun start a process for each rank (`python -m ontogeny.recipe.rank JOB`), passes
on what the first one tells of its progress, and reads its result. When a rank is killed, torchrun ends the others and
starts all anew: they go on from the last checkpoint. For several machines see `ontogeny.recipe.cluster`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ontogeny.core import hardware
from ontogeny.core.errors import OntogenyError, UsageError
from ontogeny.core.progress import Progress
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Step, StepConfig
from ontogeny.recipe.cluster import OWN_STORE, Cluster
from ontogeny.recipe.job import Job
from ontogeny.recipe.rank import PIPE, WIDTH
from ontogeny.recipe.relay import pass_on

MAX_RESTARTS = 3  # torchrun's word: how often ranks that died are started anew
LEAVE_S = 60.0  # how long torchrun may take to end its ranks; it kills them itself after 30


def run_step(
    step: Step,
    config: StepConfig,
    inputs: Mapping[str, Artifact],
    context: Context,
    cluster: Cluster | None = None,
) -> Outputs:
    """`step.run`: here, in the processes of `cluster`, or in as many of this machine as `config` wants.

    Raises:
        OntogenyError: whatever the step raises; or its processes died too often.
    """
    if config.processes == 1:
        return step.run(config, inputs, context)
    if cluster is not None:
        return cluster.run(step, config, inputs, context)
    return run_together(step, config, inputs, context)


def run_together(step: Step, config: StepConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """`step.run` in `config.processes` processes of this machine, whose first writes `context.payload`.

    Raises:
        OntogenyError: what the step raised, as it raised it; or processes died too often.
        UsageError: this machine has fewer GPUs.
    """
    check_devices(config.processes, context.device)
    job = Job.prepare(step, config, inputs, context)
    folder = Path(job.folder)
    logs = folder / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    with _listening(folder / "progress", context.progress) as pipe:
        code = _torchrun(config.processes, job, logs, _environment(config.processes, context.device, pipe))
    outputs = job.outcome()
    if outputs is None:
        raise OntogenyError(
            f"the processes of this step died {MAX_RESTARTS + 1} times (exit code {code}); {_last_words(logs)}",
            where=str(logs),
            hint="if memory ran out, lower `train.micro_batch_rows` or set `train.recompute: true`; if the disk is "
            "full, free some space; the same command goes on from the last checkpoint",
        )
    return outputs


def check_processes_there(processes: int, device: str, cluster: Cluster | None) -> None:
    """Refuse a number of processes that is not to be had, before anything is computed.

    Raises:
        UsageError: names both numbers.
    """
    if processes == 1:
        return
    if cluster is not None:
        cluster.check(processes)
    else:
        check_devices(processes, device)


def check_devices(processes: int, device: str) -> None:
    """Refuse more processes than there are GPUs.

    Raises:
        UsageError: names both numbers.
    """
    if device != "cuda":
        return
    import torch

    there = torch.cuda.device_count()
    if processes > there:
        raise UsageError(
            f"`processes` is {processes}, and this machine has {there} GPU{'' if there == 1 else 's'}",
            where="train",
            hint="lower it, or start torchrun on several machines (docs/scaling.md)",
        )


def _torchrun(processes: int, job: Job, logs: Path, environment: dict[str, str]) -> int:
    """Its exit code; what it and the ranks print goes to files in `logs`."""
    logs.mkdir()
    ranks = [f"--nproc-per-node={processes}", f"--max-restarts={MAX_RESTARTS}", "--monitor-interval=0.1"]
    output = ["--redirects=3", f"--log-dir={logs}"]
    command = [sys.executable, "-m", "ontogeny.recipe.torchrun", "--standalone", *ranks, *output]
    with (logs / "torchrun.log").open("wb") as log:
        launched = subprocess.Popen(
            [*command, "-m", "ontogeny.recipe.rank", str(job.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
        )
        try:
            return launched.wait()
        except BaseException:  # Ctrl-C, most likely
            launched.send_signal(signal.SIGTERM)
            try:
                launched.wait(LEAVE_S)
            except subprocess.TimeoutExpired:
                launched.kill()
            raise


def _environment(processes: int, device: str, pipe: Path) -> dict[str, str]:
    """That of this process; on a CPU the threads are shared out."""
    environment = {**os.environ, PIPE: str(pipe), WIDTH: str(shutil.get_terminal_size().columns)}
    environment[OWN_STORE] = "1"
    if device == "cpu":
        environment["OMP_NUM_THREADS"] = str(max(1, hardware.thread_count() // processes))
    return environment


@contextmanager
def _listening(pipe: Path, progress: Progress) -> Iterator[Path]:
    """Pass what comes through `pipe` on to `progress`, as long as the context lasts."""
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDWR)  # a writer of its own, so that it never ends before it is told to
    with os.fdopen(descriptor, "r+b", buffering=0) as both:
        thread = threading.Thread(target=pass_on, args=(iter(both.readline, b""), progress), daemon=True)
        thread.start()
        try:
            yield pipe
        finally:
            both.write(b"\n" + json.dumps({"what": "end"}).encode() + b"\n")
            thread.join()
            pipe.unlink(missing_ok=True)


def _last_words(logs: Path) -> str:
    """The last line that a rank wrote to its standard error."""
    for log in sorted(logs.rglob("stderr.log"), key=lambda path: path.stat().st_mtime, reverse=True):
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if lines:
            return f"the last words were: {lines[-1].strip()}"
    return "none of them said why: the system may have killed one for want of memory, or the disk is full"
