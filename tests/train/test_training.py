"""A run that is stopped anywhere and started again ends with the bits of one that was not."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.model import amx
from ontogeny.model.transformer import Transformer
from ontogeny.train import checkpoint, training
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.config import TrainConfig
from ontogeny.train.objective import Objective, next_token
from ontogeny.train.packing import DocumentSpans, pack_text
from ontogeny.train.training import HeldOut, Trained, train
from tests.train.stop_at import StopAt, Stopped

STEPS = 24
OPTIMIZERS: dict[str, dict[str, Any]] = {"adamw": {"lr": 0.01}, "muon": {"type": "muon"}}
MakeModel = Callable[[], Transformer]


@pytest.fixture(autouse=True)
def _known_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "matmul_flops_per_second", lambda device, dtype: 1e9)


def start(
    folder: Path,
    model: Transformer,
    documents: DocumentSpans,
    shards: Any,
    *,
    optimizer: str = "adamw",
    objective: Objective[Batch] = next_token,
    **settings: Any,
) -> Trained:
    config = TrainConfig.model_validate(
        {
            "steps": STEPS,
            "batch_rows": 4,
            "micro_batch_rows": 2,
            "optimizer": OPTIMIZERS[optimizer],
            "schedule": {"warmup_steps": 3},
            "log_every": 3,
            "eval_every": 5,
            "checkpoint_seconds": 0,
            **settings,
        }
    )
    plan = pack_text(documents, seq_len=12, batch_rows=4, steps=STEPS, seed=1)
    held_out = pack_text(documents.take(plan.row[:2]), seq_len=12, batch_rows=1, seed=1)
    return train(
        model,
        Batches(plan, shards, micro_batch_rows=2),
        config=config,
        folder=folder,
        progress=QuietProgress(),
        label="test",
        held_out=HeldOut(Batches(held_out, shards, micro_batch_rows=2), tokens_per_byte=0.5),
        objective=objective,
    )


def metric_lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def weights(model: Transformer) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def assert_same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("seed", range(3))
def test_stopped_at_random_moments(
    tmp_path: Path,
    make_model: MakeModel,
    documents: DocumentSpans,
    shards: Any,
    monkeypatch: pytest.MonkeyPatch,
    optimizer: str,
    seed: int,
) -> None:
    """Checkpoints come at random steps, stops at random micro-batches, measurements included."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole = make_model()
    expected = start(tmp_path / "whole", whole, documents, shards, optimizer=optimizer)
    choose = random.Random(seed)
    ticks: Iterator[float] = itertools.accumulate(choose.choice([0.0, 0.0, 20.0]) for _ in itertools.count())
    monkeypatch.setattr(checkpoint, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    for _ in range(200):
        broken = make_model()
        try:
            stop = StopAt(choose.randrange(80))
            found = start(
                tmp_path / "broken",
                broken,
                documents,
                shards,
                optimizer=optimizer,
                objective=stop,
                checkpoint_seconds=10,
            )
            break
        except Stopped:
            continue
    assert_same_bits(weights(whole), weights(broken))
    assert metric_lines(tmp_path / "broken") == metric_lines(tmp_path / "whole")
    for name in ("steps", "tokens", "loss", "parameters"):
        assert found.figures[name] == expected.figures[name]


def test_the_metrics_hold_every_step_once(
    tmp_path: Path, make_model: MakeModel, documents: DocumentSpans, shards: Any
) -> None:
    trained = start(tmp_path, make_model(), documents, shards)
    lines = metric_lines(tmp_path)
    assert [line["step"] for line in lines] == [3, 5, 6, 9, 10, 12, 15, 18, 20, 21, 24]
    measured = [line["step"] for line in lines if "held_out_loss" in line]
    assert measured == [5, 10, 15, 20, 24]
    assert lines[-1]["tokens"] == trained.figures["tokens"]
    assert lines[-1]["loss"] == trained.figures["loss"]
    bits = lines[-1]["held_out_bits_per_byte"]
    assert bits == pytest.approx(lines[-1]["held_out_loss"] * 0.5 / torch.tensor(2.0).log().item())


def test_time_adds_up_over_attempts(
    tmp_path: Path, make_model: MakeModel, documents: DocumentSpans, shards: Any
) -> None:
    with pytest.raises(Stopped):
        start(tmp_path, make_model(), documents, shards, objective=StopAt(30))
    saved = json.loads(next((tmp_path / "checkpoints").glob("*/state.json")).read_text())
    figures = start(tmp_path, make_model(), documents, shards).figures
    assert figures["seconds"] > saved["seconds"] > saved["train_seconds"] > 0
    # Every token of the run over every second of the steps that read them, not those of the last attempt alone.
    assert figures["tokens_per_second"] < figures["tokens"] / saved["train_seconds"]
    assert figures["tokens_per_second"] > figures["tokens"] / figures["seconds"]


def test_a_finished_run_only_reads_its_last_checkpoint(
    tmp_path: Path, make_model: MakeModel, documents: DocumentSpans, shards: Any
) -> None:
    first = make_model()
    figures = start(tmp_path, first, documents, shards).figures
    again = make_model()
    repeated = start(tmp_path, again, documents, shards, objective=StopAt(0)).figures
    assert_same_bits(weights(first), weights(again))
    assert repeated["tokens_per_second"] == figures["tokens_per_second"]
    assert repeated["loss"] == figures["loss"]


def test_a_bfloat16_run_on_a_cpu_without_tiles_is_refused(
    tmp_path: Path,
    make_model: MakeModel,
    documents: DocumentSpans,
    shards: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(amx, "has_amx", lambda: False)
    with pytest.raises(UsageError, match=r"refused on this CPU: .* slower than those of float32"):
        start(tmp_path, make_model(), documents, shards, dtype="bfloat16")


def run_in_a_process(folder: Path, *, kill_at: int) -> int:
    """Train in a fresh interpreter, which kills itself at the nth micro-batch; its exit status."""
    script = (
        "import importlib.util, os, signal, sys\n"
        "import torch\n"
        f"spec = importlib.util.spec_from_file_location('killable', {__file__!r})\n"
        "module = importlib.util.module_from_spec(spec); sys.modules['killable'] = module\n"
        "spec.loader.exec_module(module)\n"
        f"module.train_until_killed({str(folder)!r}, {kill_at})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def train_until_killed(folder: str, kill_at: int) -> None:
    """What runs in that interpreter."""
    import importlib.util
    import os

    spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    torch.set_num_threads(1)
    left = kill_at

    def objective(model: Transformer, batch: Batch) -> Tensor:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return next_token(model, batch)

    model = tiny.make_tiny_model()
    start(Path(folder), model, tiny.tiny_documents(), tiny.Shards(600), objective=objective)
    torch.save(weights(model), Path(folder) / "weights.pt")


def test_killed_for_real(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    threads = torch.get_num_threads()
    train_until_killed(str(whole), 0)
    torch.set_num_threads(threads)
    assert run_in_a_process(broken, kill_at=43) == -signal.SIGKILL
    assert run_in_a_process(broken, kill_at=0) == 0
    assert_same_bits(torch.load(whole / "weights.pt"), torch.load(broken / "weights.pt"))
    assert metric_lines(broken) == metric_lines(whole)
