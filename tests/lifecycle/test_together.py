"""Two runs of one recipe at once in one workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ontogeny.lineage.workspace import Workspace
from tests.conftest import SMOKE


def test_both_end_well_and_each_step_is_computed_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ontogeny", "run", str(SMOKE), "--json"]
    environment = {**os.environ, "ONTOGENY_HOME": str(tmp_path / "ws")}
    runs = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    results = [json.loads(output)["steps"] for output, _ in said]
    for first, second in zip(*results, strict=True):
        assert sorted([first["status"], second["status"]]) == ["done", "reused"], first["name"]
        assert first["artifact"] == second["artifact"]
    place = Workspace(tmp_path / "ws")
    assert all(row.version == 1 for row in place.rows())
    assert place.verify() == []
