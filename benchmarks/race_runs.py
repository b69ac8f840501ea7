"""Runs of the race to a loss, each made once: what is in the result file is not made again.

What a run learns depends on its steps, not on how fast they passed, so steps and seconds are measured apart. How long a
step takes is measured in turns of a dozen steps, the contestants one after the other, several times over: the medians
of neighbouring turns compare contestants on the same minutes of a machine, which runs of half an hour would not. A
run's budget is a number of steps by that measure, and its seconds are its steps times that. The turns want a machine
with nothing else to do; the runs do not, and their own seconds are kept beside.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.contestants import SETTINGS, peer_python
from benchmarks.measure import ROOT, Neighbours
from benchmarks.peers.loss_job import PACED_FROM, LossJob

US, BASELINE = "ontogeny", "plain_gpt"
MODULES = {US: "benchmarks.our_race", BASELINE: "benchmarks.peers.plain_gpt.race"}
PACED_STEPS = 12  # of a turn, after those that are not counted

Run = dict[str, Any]


class RaceRuns:
    """All runs made so far; `save` is called after each."""

    def __init__(self, made: list[Run], save: Callable[[list[Run]], None]) -> None:
        self.made, self._save = made, save
        self._lock = threading.Lock()  # runs may be made side by side

    def learn(self, key: dict[str, Any], name: str, job: LossJob) -> Run:
        """The run of `job`, known by `key`. One that breaks off is kept as a failure, without a curve."""
        return self._once(key, lambda: {"steps": job.steps, **_answer(name, job)})

    def pace(self, size: str, jobs: Sequence[tuple[str, LossJob]], *, rounds: int) -> None:
        """See to it that each of `jobs` of `size` has had `rounds` turns that tell how long its step takes."""
        for number in range(rounds):
            for name, job in jobs:
                key = _pace_key(size, name, job.batch_rows) | {"round": number}
                self._once(key, partial(_turn, name, job))

    def step_seconds(self, size: str, name: str, batch_rows: int) -> float:
        """Median over the turns of `pace`."""
        return statistics.median(self.turns(size, name, batch_rows))

    def turns(self, size: str, name: str, batch_rows: int) -> list[float]:
        """Seconds of a step, turn by turn."""
        wanted = _pace_key(size, name, batch_rows)
        return [
            run["step_seconds"] for run in self.made if run["key"] | {"round": 0} == wanted | {"round": 0}
        ]

    def _once(self, key: dict[str, Any], make: Callable[[], Run]) -> Run:
        for run in self.made:
            if run["key"] == key:
                return run
        with Neighbours() as neighbours:
            made = make()
        run = {"key": key, "other_cores": neighbours.cores, **made}
        with self._lock:
            self.made.append(run)
            self._save(self.made)
            print(_told(run), flush=True)
        return run


def last(run: Run) -> float:
    """Bits a byte at a run's end; infinite where it failed."""
    bits = run["curve"][-1][2] if run["curve"] else None
    return math.inf if bits is None else float(bits)


def _pace_key(size: str, name: str, batch_rows: int) -> dict[str, Any]:
    return {"stage": "pace", "size": size, "name": name, "batch_rows": batch_rows}


def _turn(name: str, job: LossJob) -> Run:
    (first, started, _), (end, ended, _) = _answer(name, job)["curve"]
    return {"step_seconds": (ended - started) / (end - first)}


def paced(job: LossJob) -> LossJob:
    """A short run like `job`, for `RaceRuns.pace`."""
    return LossJob(**{**vars(job), "steps": PACED_FROM + PACED_STEPS, "measure_every": 0})


def _answer(name: str, job: LossJob) -> Run:
    """What a contestant says of a job, in a process of its own; numbers that are none become null."""
    python = Path(sys.executable) if name == US else peer_python(name)
    done = subprocess.run(
        [str(python), "-m", MODULES[name], job.to_json()],
        cwd=ROOT,
        env={**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"curve": [], "failed": "\n".join(done.stderr.strip().splitlines()[-3:])}
    answer: Run = json.loads(done.stdout.splitlines()[-1], parse_constant=lambda _: None)
    return answer


def _told(run: Run) -> str:
    key = ", ".join(str(value) for value in run["key"].values())
    if "step_seconds" in run:
        return f"{key}: {run['step_seconds']:.3f} s a step, other cores {run['other_cores']}"
    return f"{key}: {run['steps']} steps, {last(run):.4f} bits"
