"""Running a recipe from a benchmark, as a user would: the `ontogeny` command in a process of its own."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measure import ROOT

ONTOGENY = Path(sys.executable).with_name("ontogeny")
SAMPLE_EVERY_S = 0.2
WEIGHTS = "model.safetensors"
PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One step of a finished run: seconds in all, and those of the step's own work."""

    name: str
    status: str
    artifact: str
    seconds: float
    work_seconds: float
    weights_digest: str | None

    @property
    def overhead_seconds(self) -> float:
        """Fingerprint, check of the inputs, digests of the payload, fsync, manifest, ledger."""
        return self.seconds - self.work_seconds


@dataclass(frozen=True)
class Finished:
    """A run that ended well. `peak_bytes` is the resident memory of all its processes together, at its highest."""

    seconds: float
    peak_bytes: int
    steps: list[Step]


def start(recipe: str, workspace: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """`ontogeny run RECIPE --json` in a session of its own, so that it can be killed as a whole."""
    command = [str(ONTOGENY), "run", recipe, "--workspace", str(workspace), "--json", *arguments]
    return subprocess.Popen(command, cwd=ROOT, text=True, start_new_session=True, **options)


def run(recipe: str, workspace: Path, *arguments: str) -> Finished:
    """Run a recipe to its end, with more arguments if need be, and read what it published.

    Raises:
        SystemExit: the run did not end well.
    """
    started = time.perf_counter()
    process = start(recipe, workspace, *arguments, stdout=subprocess.PIPE)
    peak_bytes = 0
    while True:
        try:
            output, _ = process.communicate(timeout=SAMPLE_EVERY_S)
            break
        except subprocess.TimeoutExpired:
            peak_bytes = max(peak_bytes, resident_bytes(process.pid))
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"`ontogeny run {recipe}` ended with exit code {process.returncode}")
    return Finished(seconds, peak_bytes, steps_of(json.loads(output), workspace))


def steps_of(result: dict[str, Any], workspace: Path) -> list[Step]:
    """The steps of `ontogeny run --json`, with what their manifests say."""
    steps = []
    for step in result["steps"]:
        manifest = json.loads((workspace / "artifacts" / step["artifact"] / "manifest.json").read_bytes())
        digests = {file["path"]: file["digest"] for file in manifest["files"]}
        work = manifest["spent"]["seconds"]["value"]
        told = step["name"], step["status"], step["artifact"], step["seconds"]
        steps.append(Step(*told, work, digests.get(WEIGHTS)))
    return steps


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants now."""
    total = 0
    with contextlib.suppress(psutil.Error):  # it may end while we look
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    return total


def proportional_bytes(pid: int) -> int:
    """The same as PSS: a page counts once, divided among the processes that share it. 0 where it is not told."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(OSError):
                found = PSS.search(Path(f"/proc/{one.pid}/smaps_rollup").read_text())
                total += int(found[1]) << 10 if found else 0
    return total
