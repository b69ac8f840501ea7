"""A step in several processes: the same command as ever, errors told as the step tells them, a killed rank replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed import HashStore

from ontogeny.core.errors import OntogenyError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.lineage.step import Context
from ontogeny.recipe.cluster import Cluster, join_cluster
from ontogeny.recipe.job import Job
from ontogeny.recipe.launch import check_devices, check_processes_there
from ontogeny.train.step import PRETRAIN, PretrainConfig
from tests.conftest import ontogeny
from tests.tiny_recipe import write_recipe

BASE = """
  base:
    step: pretrain
    tokens: tokens
    model: {d_model: 16, n_layers: 2, n_heads: 2, d_ff: 32, seq_len: 24}
    train: {steps: 30, batch_rows: 5, schedule: {warmup_steps: 2}, optimizer: {type: muon}, checkpoint_seconds: 0}
"""
WAIT_S = 240
TOGETHER = ("--set", "steps.base.train.processes=2")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe, its texts, and a workspace `ws` in which one process made everything."""
    folder = tmp_path_factory.mktemp("together")
    write_recipe(folder, BASE)
    run(folder)
    return folder


def run(folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = ontogeny(
        "run", "recipe.yaml", "--json", *arguments, workspace=folder / "ws", cwd=folder, timeout=WAIT_S
    )
    assert done.returncode == code, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return next(step for step in result["steps"] if step["name"] == "base")


def weights(folder: Path, artifact: str) -> dict[str, torch.Tensor]:
    return load_file(folder / "ws" / "artifacts" / artifact / "model.safetensors")


def assert_close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], atol=1e-4, rtol=0)


def test_two_processes_and_one_of_them_killed(place: Path) -> None:
    """The rank is killed as soon as there is a checkpoint; what comes out is what one process made."""
    command = [sys.executable, "-m", "ontogeny", "run", "recipe.yaml", "--json", *TOGETHER]
    environment = {**os.environ, "ONTOGENY_HOME": str(place / "ws"), "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        killed = kill_a_rank(place / "ws" / "scratch", running)
        said, told = running.communicate(timeout=WAIT_S)
    finally:
        running.kill()
    assert running.returncode == 0, told
    assert killed
    assert "going on after step" in told, "what the first rank says reaches the terminal"
    assert "a process of this step died, and all were started anew (restart 1)" in told
    base = next(step for step in json.loads(said)["steps"] if step["name"] == "base")
    assert base["artifact"] == "tiny/base@2"
    assert_close(weights(place, "tiny/base@1"), weights(place, "tiny/base@2"))
    lines = (place / "ws" / "artifacts" / "tiny" / "base@2" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20, 30]


def kill_a_rank(scratch: Path, running: subprocess.Popen[str]) -> bool:
    """Kill rank 1 outright once there is a checkpoint; False where the run was over before."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline and running.poll() is None:
        if any(scratch.glob("*/state/checkpoints/0*")):
            for process in ranks_of(str(scratch)):
                os.kill(process, signal.SIGKILL)
                return True
    return False


def ranks_of(scratch: str) -> list[int]:
    """Process numbers of the ranks that work in this scratch folder, but the first."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text()
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if "ontogeny.recipe.rank\0" in command and scratch in command and b"RANK=1" in environment:
            found.append(int(entry.name))
    return found


def test_an_error_of_the_step_is_told_as_by_one_process(place: Path) -> None:
    arguments = ("--set", "steps.base.train.seq_len=23", "--set", "steps.base.train.batch_rows=9000")
    alone, together = (run(place, *arguments, *more, code=2) for more in ((), TOGETHER))
    assert "a batch has 9,000 rows of 23 tokens, but the training documents have only" in alone["error"]
    assert together["error"] == alone["error"]


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    check_devices(1, "cuda")
    check_devices(8, "cpu")
    with pytest.raises(UsageError, match="`processes` is 2, and this machine has 1 GPU") as caught:
        check_devices(2, "cuda")
    assert "docs/scaling.md" in str(caught.value.hint)
    with pytest.raises(UsageError, match="`processes` is 2, and this machine has 1 GPU"):
        check_processes_there(2, "cuda", None)


def test_processes_that_are_not_there_are_told_before_anything_runs() -> None:
    check_processes_there(1, "cuda", None)
    check_processes_there(1, "cpu", Cluster(0, 4, HashStore()))
    check_processes_there(4, "cpu", Cluster(0, 4, HashStore()))
    with pytest.raises(UsageError, match="`processes` is 2, and torchrun started 4") as caught:
        check_processes_there(2, "cpu", Cluster(0, 4, HashStore()))
    assert "--set steps.NAME.train.processes=4" in str(caught.value.hint)


def test_a_recipe_under_torchrun(place: Path) -> None:
    """As on several machines: the first process runs the recipe, the other follows."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    recipe = ["-m", "ontogeny", "run", "recipe.yaml", *TOGETHER, "--set", "seed=6"]
    done = subprocess.run(
        [*launcher, *recipe],
        cwd=place,
        env={
            **os.environ,
            "ONTOGENY_HOME": str(place / "ws"),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "tiny/base@3" in done.stdout


def test_another_number_than_torchrun_started(tmp_path: Path) -> None:
    train = {"steps": 30, "processes": 2}
    shape = {"d_model": 16, "n_layers": 2, "n_heads": 2}
    config = PretrainConfig.model_validate({"tokens": "tokens", "model": shape, "train": train})
    context = Context(tmp_path, tmp_path, 1, "cpu", QuietProgress())
    with pytest.raises(UsageError, match="`processes` is 2, and torchrun started 4") as caught:
        Cluster(0, 4, HashStore()).run(PRETRAIN, config, {}, context)
    assert "train.processes=4" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("met", "told"),
    [
        (RuntimeError("[gloo/transport/tcp/pair.cc:537] Connection closed by peer"), OntogenyError),
        (torch.distributed.DistNetworkError("the connection was reset"), OntogenyError),
        (
            torch.distributed.DistBackendError("remote process exited or there was a network error"),
            OntogenyError,
        ),
        (torch.distributed.DistBackendError("NCCL error: unhandled cuda error"), RuntimeError),
        (RuntimeError("[gloo/transport/tcp/pair.cc:446] op.preamble.length <= op.nbytes"), RuntimeError),
        (RuntimeError("shapes do not fit"), RuntimeError),
    ],
)
def test_the_end_of_another_process_is_no_defect_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, met: RuntimeError, told: type[Exception]
) -> None:
    train = {"steps": 30, "processes": 2}
    shape = {"d_model": 16, "n_layers": 2, "n_heads": 2}
    config = PretrainConfig.model_validate({"tokens": "tokens", "model": shape, "train": train})

    def die(*_: object) -> None:
        raise met

    monkeypatch.setattr(Cluster, "_meeting", lambda *_: nullcontext())
    monkeypatch.setattr(Job, "run", die)
    context = Context(tmp_path, tmp_path, 1, "cpu", QuietProgress())
    with pytest.raises(told) as caught:
        Cluster(0, 2, HashStore()).run(PRETRAIN, config, {}, context)
    assert ("another process of this step has ended" in str(caught.value)) == (told is OntogenyError)


def test_a_store_that_outlives_the_dead_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "TORCHELASTIC_USE_AGENT_STORE": "True"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    with pytest.raises(UsageError, match="would look for those that died") as caught, join_cluster():
        pass
    assert "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1" in str(caught.value.hint)
