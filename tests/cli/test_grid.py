"""`ontogeny run --grid`: what is common is told once, and a mistake is located in the grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tiny_recipe import write_recipe

BASE = """
  base:
    step: pretrain
    tokens: tokens
    size: {depth: 1, d_model: 32, head_dim: 16, seq_len: 32, tokens: 2000}
"""
RATE = "steps.base.size.lr"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_recipe(tmp_path, BASE)
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "ws"))
    monkeypatch.chdir(tmp_path)
    return "recipe.yaml"


def test_what_is_common_is_told_once(command: Any, recipe: str) -> None:
    said = command("run", recipe, "--grid", f"{RATE}=0.01,0.02")
    assert said.code == 0, said.err
    lines = [line.strip() for line in said.err.splitlines()]
    assert f"tiny  1 of 2  {RATE}=0.01" in lines and f"tiny  2 of 2  {RATE}=0.02" in lines
    for once in (
        "d_model: 32 (given)",
        "steps: ",
        "✔ corpus",
        "✔ tokens",
        "lr: 0.01 (given)",
        "lr: 0.02 (given)",
    ):
        assert sum(line.startswith(once) for line in lines) == 1, once
    assert sum(line.startswith("✔ base") for line in lines) == 2
    assert not any(line.startswith("↺") for line in lines)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (f"{RATE}=0.01,-1", f"--grid {RATE}: base.size.lr: Input should be greater than 0 (got -1)"),
        ("steps.bass.seed=1", "--grid steps.bass.seed: there is no step 'bass'"),
        (
            "steps.base.size.d_model=32,40",
            "--grid steps.base.size.d_model: base.size.d_model: `size.d_model` (40) is no multiple of `head_dim` (16)",
        ),
        (
            "steps.base.train.micro_batch_rows=4,3",
            "--grid steps.base.train.micro_batch_rows: base.train.micro_batch_rows: what `size` comes to does not fit",
        ),
    ],
)
def test_a_mistake_in_the_last_value_is_told_before_the_first_runs(
    command: Any, recipe: str, values: str, message: str
) -> None:
    said = command("run", recipe, "--grid", values)
    assert said.code == 2
    assert message in said.err
    assert "--set" not in said.err.splitlines()[0]
    assert not (Path("ws") / "artifacts").exists()
