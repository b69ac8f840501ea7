"""What the benchmarks read out of a run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lifecycle_kills import unfinished
from benchmarks.recipe_runs import proportional_bytes, resident_bytes, steps_of


def publish(workspace: Path, name: str, *, work_seconds: float, files: list[dict[str, Any]]) -> None:
    folder = workspace / "artifacts" / name
    folder.mkdir(parents=True)
    manifest = {"spent": {"seconds": {"value": work_seconds, "source": "measured"}}, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_overhead_is_what_the_step_itself_did_not_spend(tmp_path: Path) -> None:
    publish(
        tmp_path, "r/base@1", work_seconds=1.9, files=[{"path": "model.safetensors", "digest": "blake3:1"}]
    )
    result = {"steps": [{"name": "base", "status": "done", "artifact": "r/base@1", "seconds": 2.0}]}
    (step,) = steps_of(result, tmp_path)
    assert step.overhead_seconds == pytest.approx(0.1)
    assert (step.artifact, step.weights_digest) == ("r/base@1", "blake3:1")


def test_a_step_without_weights_has_no_digest_of_them(tmp_path: Path) -> None:
    publish(tmp_path, "r/corpus@1", work_seconds=1.0, files=[])
    result = {"steps": [{"name": "corpus", "status": "done", "artifact": "r/corpus@1", "seconds": 1.0}]}
    assert steps_of(result, tmp_path)[0].weights_digest is None


def test_a_kill_is_charged_to_the_first_step_without_a_result(tmp_path: Path) -> None:
    assert unfinished(["corpus", "base"], tmp_path) == "corpus"
    publish(tmp_path, "r/corpus@1", work_seconds=1.0, files=[])
    assert unfinished(["corpus", "base"], tmp_path) == "base"
    publish(tmp_path, "r/base@1", work_seconds=1.0, files=[])
    assert unfinished(["corpus", "base"], tmp_path) == "the end"


def test_memory_of_a_living_process_is_seen_and_of_a_dead_one_is_nothing() -> None:
    assert resident_bytes(os.getpid()) > 1_000_000
    assert resident_bytes(2**22 + 1) == 0


def test_pages_of_several_processes_are_divided_among_them() -> None:
    assert 1_000_000 < proportional_bytes(os.getpid()) <= resident_bytes(os.getpid()) * 1.1
    assert proportional_bytes(2**22 + 1) == 0
