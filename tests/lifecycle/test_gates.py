"""A worse model is refused promotion, a better one passes: with what a user types."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Life, ontogeny

RECIPE = """
recipe: {name}
seed: 7
steps:
  model:
    step: pretrain
    tokens: smoke/tokens
    model: {{d_model: 64, n_layers: 2, n_heads: 2, n_kv_heads: 1, d_ff: 128, seq_len: 64}}
    train: {{steps: {steps}, batch_rows: 8, schedule: {{warmup_steps: 2}}}}
  gate:
    step: evaluate
    model: model
    suites:
      - {{type: bits-per-byte, name: text, data: smoke/corpus, max_bytes: 20000}}
    gates:
      - name: no-step-back
        metric: text/bits_per_byte
        not_worse_than: {{model: production, margin: 0.02}}
        blocks: [out]
      - {{name: small, metric: size, at_most: 1e7}}
  out:
    step: export
    model: model
    format: huggingface
"""


@pytest.fixture
def workspace(smoke: Life, tmp_path: Path) -> Path:
    """The finished workspace, its base model in production."""
    shutil.copytree(smoke.workspace, tmp_path / "ws")
    assert ontogeny("promote", "smoke/base", "production", workspace=tmp_path / "ws").returncode == 0
    return tmp_path / "ws"


def run(workspace: Path, name: str, steps: int) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and what became of each step."""
    recipe = workspace.parent / f"{name}.yaml"
    recipe.write_text(RECIPE.format(name=name, steps=steps))
    done = ontogeny("run", str(recipe), "--json", workspace=workspace)
    return done.returncode, {step["name"]: step for step in json.loads(done.stdout)["steps"]}


def production(workspace: Path) -> str:
    moved = ontogeny("show", "production", "--json", workspace=workspace)
    manifest = json.loads(moved.stdout)
    return f"{manifest['recipe']}/{manifest['step']}"


def test_a_worse_model_is_refused_and_a_better_one_promoted(workspace: Path) -> None:
    code, steps = run(workspace, "hasty", 5)
    assert code == 3
    assert [steps[name]["status"] for name in ("model", "gate", "out")] == ["done", "refused", "skipped"]
    assert "not surely within 0.02 of the " in steps["gate"]["error"]
    assert "of smoke/base@1: difference +" in steps["gate"]["error"]
    evaluation = workspace / "artifacts" / steps["gate"]["artifact"]
    record = json.loads((evaluation / "results.json").read_text())
    refusal, small = record["verdicts"]
    assert (refusal["passed"], small["passed"]) == (False, True)
    items = {json.loads(line)["item"] for line in (evaluation / "results.jsonl").read_text().splitlines()}
    assert refusal["items"] and set(refusal["items"]) <= items
    assert "no-step-back" in (evaluation / "report.html").read_text()

    refused = ontogeny("promote", "hasty/model", "production", workspace=workspace)
    assert refused.returncode == 3
    assert "hasty/model@1 is held back by no-step-back" in refused.stderr
    assert production(workspace) == "smoke/base"

    again, steps = run(workspace, "hasty", 5)
    assert again == 3, "a refusal that is reused refuses again"
    assert [steps[name]["status"] for name in ("model", "gate", "out")] == ["reused", "refused", "skipped"]

    code, steps = run(workspace, "patient", 150)
    assert code == 0, steps
    assert [steps[name]["status"] for name in ("model", "gate", "out")] == ["done"] * 3
    assert ontogeny("promote", "patient/model", "production", workspace=workspace).returncode == 0
    assert production(workspace) == "patient/model"

    code, steps = run(workspace, "patient", 150)
    assert code == 0, "the promoted model is no worse than itself"
    assert ontogeny("promote", "hasty/model", "production", workspace=workspace).returncode == 3
