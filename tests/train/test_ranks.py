"""Two processes train as one does: losses, weights, checkpoints; cut by rows, or by heads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import ROOT
from tests.train.ranks_job import FIGURES_FILE, STEPS, WEIGHTS_FILE, Stopped, run_case

JOB_SECONDS = 240
ADAMW: dict[str, Any] = {"lr": 0.01}
MUON: dict[str, Any] = {"type": "muon"}
GROUPED = {"d_model": 16, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "d_ff": 24, "tie_embeddings": False}
CASES: dict[str, dict[str, Any]] = {
    "adamw": {
        "train": {"optimizer": ADAMW, "recompute": True, "average": {"fraction": 0.5}},
        "tie": False,
    },
    "muon": {"train": {"optimizer": MUON}},
    "double": {"train": {"optimizer": MUON}, "double": True, "tie": False},
    "heads": {"train": {"optimizer": MUON, "tensor_parallel": 2}, "double": True, "shape": GROUPED},
}
"""What two processes and one do alike."""
KEPT: dict[str, Any] = {
    "train": {
        "optimizer": {"lr": 0.03},
        "schedule": {"warmup_steps": 3, "decay_fraction": 0},
        "eval_every": 2,
        "keep": {"every": 3, "newest": 2, "best": True},
        "early_stopping": {"patience": 3},
    },
    "double": True,
    "unlike": True,
}
"""A run that overfits, keeps snapshots and the best weights, and ends early."""


def on_processes(count: int, cases: list[dict[str, Any]], folder: Path) -> None:
    """Let `count` processes go through `cases`; whatever hangs is ended."""
    path = folder / "cases.json"
    cases = [{**case, "train": {**case["train"], "processes": count}} for case in cases]
    path.write_text(json.dumps(cases))
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    command = [sys.executable, *launcher, "-m", "tests.train.ranks_job", str(path)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=JOB_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def largest_difference(one: Path, other: Path, figure: str) -> float:
    """Between the values that two runs logged for the same steps."""
    lines, others = metrics(one), metrics(other)
    assert [line["step"] for line in lines] == [line["step"] for line in others] == list(range(1, STEPS + 1))
    pairs = [(a[figure], b[figure]) for a, b in zip(lines, others, strict=True) if figure in a]
    assert pairs
    return max(abs(a - b) for a, b in pairs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case done by one process (`one/NAME`) and by two (`two/NAME`), and runs that changed their number."""
    place = tmp_path_factory.mktemp("ranks")
    for name, case in CASES.items():
        alone = {key: value for key, value in case["train"].items() if key != "tensor_parallel"}
        run_case({**case, "train": alone, "folder": str(place / "one" / name)})
    begun_alone = {"train": {"optimizer": MUON}, "folder": str(place / "from_one")}
    with pytest.raises(Stopped):
        run_case({**begun_alone, "stop_at": 8 * 5})
    together = [{**case, "folder": str(place / "two" / name)} for name, case in CASES.items()]
    begun_together = {"train": {"optimizer": MUON}, "folder": str(place / "from_two")}
    by_heads = {**CASES["heads"], "folder": str(place / "from_heads")}
    stopped = [{**begun_together, "stop_at": 8 * 3}, {**by_heads, "stop_at": 8 * 5}]
    run_case({**KEPT, "folder": str(place / "one" / "kept")})
    kept = [{**KEPT, "folder": str(place / "two" / name)} for name in ("kept", "broken", "broken")]
    kept[1]["stop_at"] = 8 * 3
    on_processes(2, [*together, begun_alone, *stopped, *kept], place)
    shutil.copytree(place / "from_two", place / "from_two_to_four")
    on_processes(4, [{"train": {"optimizer": MUON}, "folder": str(place / "from_two_to_four")}], place)
    run_case(begun_together)
    run_case({**by_heads, "train": {"optimizer": MUON}})
    return place


@pytest.mark.parametrize("name", list(CASES))
def test_two_processes_train_as_one_does(folder: Path, name: str) -> None:
    one, two = folder / "one" / name, folder / "two" / name
    bound = 1e-10 if CASES[name].get("double") else 1e-5
    for figure in ("loss", "held_out_loss", "grad_norm"):
        assert largest_difference(one, two, figure) < bound, figure
    expected = load_file(one / WEIGHTS_FILE)
    for weight, value in load_file(two / WEIGHTS_FILE).items():
        torch.testing.assert_close(value, expected[weight], atol=10 * bound, rtol=0)


@pytest.mark.parametrize(
    ("name", "whole", "bound"),
    [
        ("from_one", "muon", 1e-5),
        ("from_two", "muon", 1e-5),
        ("from_two_to_four", "muon", 1e-5),
        ("from_heads", "heads", 1e-10),
    ],
)
def test_a_run_goes_on_with_another_number_of_processes(
    folder: Path, name: str, whole: str, bound: float
) -> None:
    assert largest_difference(folder / "one" / whole, folder / name, "loss") < bound


def snapshots(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_two_processes_keep_what_one_keeps_and_end_where_it_ends(folder: Path) -> None:
    one, two = folder / "one" / "kept", folder / "two" / "kept"
    alone, together = (json.loads((each / FIGURES_FILE).read_text()) for each in (one, two))
    assert alone["steps"] < alone["steps_run"] < STEPS, (
        "the settings of this test are to overfit and end early"
    )
    for figure in ("steps", "steps_run", "ended", "tokens"):
        assert together[figure] == alone[figure]
    for line, other in zip(metrics(one), metrics(two), strict=True):
        assert other == pytest.approx(line, abs=1e-8)
    kept = snapshots(one / "payload" / "checkpoints")
    assert snapshots(two / "payload" / "checkpoints") == kept
    assert len(kept) == 3  # the two newest of every third step, and the last
    assert snapshots(one / "kept") == snapshots(two / "kept")
    for name in (WEIGHTS_FILE, *(f"payload/checkpoints/{step}/model.safetensors" for step in kept)):
        expected = load_file(one / name)
        for weight, value in load_file(two / name).items():
            torch.testing.assert_close(value, expected[weight], atol=1e-6, rtol=0)


def test_processes_that_go_on_keep_the_same_bytes(folder: Path) -> None:
    whole, broken = (folder / "two" / name for name in ("kept", "broken"))
    files = sorted(path.relative_to(whole) for path in (whole / "payload").rglob("*") if path.is_file())
    assert len(files) > 3
    for path in (*files, Path(WEIGHTS_FILE)):
        assert (broken / path).read_bytes() == (whole / path).read_bytes(), path
    assert snapshots(broken / "kept") == snapshots(whole / "kept")


def test_tokens_are_counted_once(folder: Path) -> None:
    one, two = (metrics(folder / place / "adamw") for place in ("one", "two"))
    assert [line["tokens"] for line in one] == [line["tokens"] for line in two]
