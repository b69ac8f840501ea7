"""The whole life in small, lived once a session and shared by the tests that need trained models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SMOKE = ROOT / "recipes" / "smoke.yaml"


def ontogeny(*arguments: str, workspace: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does: in a process of its own."""
    environment = {**os.environ, "ONTOGENY_HOME": str(workspace), "COLUMNS": "160"}
    command = [sys.executable, "-m", "ontogeny", *arguments]
    options = {"capture_output": True, "text": True, "env": environment, "check": False, **options}
    return subprocess.run(command, **options)


@dataclass(frozen=True)
class Life:
    """A workspace in which a recipe ran to its end, and what the run said."""

    workspace: Path
    result: dict[str, Any]

    def folder(self, step: str) -> Path:
        """The payload of a step."""
        name = next(one["artifact"] for one in self.result["steps"] if one["name"] == step)
        return self.workspace / "artifacts" / name


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """recipes/smoke.yaml, run without interruption. Read only: tests that change something copy it."""
    workspace = tmp_path_factory.mktemp("smoke") / "ws"
    done = ontogeny("run", str(SMOKE), "--json", workspace=workspace)
    assert done.returncode == 0, done.stderr
    return Life(workspace, json.loads(done.stdout))
