"""The driver's side of taking turns: start each contestant in its own environment, keep all of them loaded,
ask one at a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from ontogeny.core.process import THREADS_THAT_WAIT, WHOLE_MEMORY

PEERS = ROOT / "benchmarks" / "peers"

# What `ontogeny` sets for itself (core/process.py), given to the peers too, so that code is compared with
# code: freed memory stays in the process, and waiting threads soon sleep. glibc and OpenMP read them when a process
# starts.
SETTINGS = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "-1",
    "MALLOC_ARENA_MAX": "1",
    **THREADS_THAT_WAIT,
    **WHOLE_MEMORY,
}


class Contestant:
    """A worker process that speaks the protocol of `benchmarks/peers/turns.py`."""

    def __init__(self, name: str, *, python: Path, module: str, arguments: list[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [str(python), "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT)},
            text=True,
        )
        self.facts = self._answer()

    def turn(self) -> dict[str, Any]:
        """One unit of work: `seconds`, `peak_bytes` and what the contestant adds."""
        return self._ask("turn")

    def product_seconds(self, products: Sequence[tuple[int, int, int]], dtype: str) -> list[float]:
        """What products of (n, k) and (k, m) take in that process right now, for each (n, k, m)."""
        return [float(seconds) for seconds in self._ask("gemm", products=products, dtype=dtype)["seconds"]]

    def stop(self) -> None:
        if self._process.poll() is None:
            self._send("stop")
        with self._process:  # closes what was spoken through
            self._process.wait(timeout=60)

    def _ask(self, what: str, **more: object) -> dict[str, Any]:
        self._send(what, **more)
        return self._answer()

    def _send(self, what: str, **more: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(
                f"{self.name} ended with exit code {self._process.wait()}; its errors stand above"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


def peer_python(peer: str) -> Path:
    """The interpreter of a peer's own environment, made on first use from its pinned requirements."""
    folder = PEERS / peer
    environment, stamp = folder / ".venv", folder / ".venv" / ".installed"
    requirements = (folder / "requirements.txt").read_text()
    python = environment / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != requirements:
        print(f"installing {peer} into {environment.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        torch = [line for line in requirements.splitlines() if line.startswith("torch==")]
        if torch:
            subprocess.run([*install, *torch], check=True)  # first and alone, as in `make install`
        subprocess.run([*install, "-r", str(folder / "requirements.txt")], check=True)
        stamp.write_text(requirements)
    return python
