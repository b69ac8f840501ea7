"""SIGKILL at any instant, and the same command again: the same artifacts, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ontogeny.lineage.workspace import Workspace
from tests.conftest import SMOKE, Life, ontogeny

KILLS_PER_STEP = 3
LEAST_KILLS = 20


class Attempt:
    """One run of the recipe, in a process group that can be killed as a whole."""

    def __init__(self, workspace: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ontogeny", "run", str(SMOKE)],
            env={**os.environ, "ONTOGENY_HOME": str(workspace)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for_steps(self, count: int) -> bool:
        """Block until `count` steps have ended; False where the run ended before."""
        assert self._process.stderr is not None
        ended = 0
        while ended < count:
            line = self._process.stderr.readline()
            if not line:
                return False
            ended += line.startswith(("✔", "↺"))
        return True

    def kill_after(self, seconds: float) -> bool:
        """Kill it that much later; False where it had ended by then."""
        assert self._process.stderr is not None
        try:
            _, said = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            return True
        assert self._process.returncode == 0, said
        return False


@pytest.mark.timeout(1200)
def test_killed_at_random_moments_of_every_step_it_ends_with_the_same_artifacts(
    smoke: Life, tmp_path: Path
) -> None:
    workspace = tmp_path / "ws"
    chance = random.Random(20)
    kills = 0
    for position, step in enumerate(smoke.result["steps"]):
        for _ in range(KILLS_PER_STEP):
            attempt = Attempt(workspace)
            if attempt.wait_for_steps(position):
                kills += attempt.kill_after(chance.uniform(0.0, 1.1 * step["seconds"]))
    assert kills >= LEAST_KILLS, f"only {kills} kills hit a running process"
    done = ontogeny("run", str(SMOKE), workspace=workspace)
    assert done.returncode == 0, done.stderr
    place = Workspace(workspace)
    assert place.verify() == []
    assert all(row.version == 1 for row in place.rows()), "a step was published twice"
    for name in ("corpus", "tokenizer", "tokens", "questions", "base", "tutor"):
        assert place.open(f"smoke/{name}").digest == Workspace(smoke.workspace).open(f"smoke/{name}").digest
