"""Checkpoints: whole or absent, refused where they belong to another run, kept where the disk is full."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import SafetensorError

from ontogeny.core.errors import ArtifactError
from ontogeny.model.transformer import Transformer
from ontogeny.train import checkpoint as module
from ontogeny.train.checkpoint import STATE_FILE, Checkpoints, tensors_file
from ontogeny.train.config_optimizer import MuonConfig
from ontogeny.train.loop import StepResult, TrainState
from ontogeny.train.metrics_log import MetricsLog
from ontogeny.train.optim import Optimizer

MakeState = Callable[[], TrainState]


@pytest.fixture
def make_state(make_model: Callable[..., Transformer]) -> MakeState:
    """A state some steps into training."""

    def make() -> TrainState:
        model = make_model(tie_embeddings=False)
        optimizer = Optimizer(model, MuonConfig(type="muon"))
        generator = torch.Generator().manual_seed(1)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
        return TrainState(model, optimizer, step=7, tokens=70, supervised=60, train_seconds=0.1, seconds=0.3)

    return make


def checkpoints(folder: Path, *, digest: str = "a") -> Checkpoints:
    log = MetricsLog(folder / "metrics.jsonl", every=1, steps=9)
    return Checkpoints(
        folder / "checkpoints", digest=digest, parts={"metrics": log}, steps=9, every_seconds=60
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_everything_comes_back(
    tmp_path: Path, make_state: MakeState, make_model: Callable[..., Transformer]
) -> None:
    state = make_state()
    checkpoints(tmp_path).save(state)
    model = make_model(tie_embeddings=False)
    fresh = TrainState(model, Optimizer(model, MuonConfig(type="muon")))
    assert checkpoints(tmp_path).restore(fresh)
    assert (fresh.step, fresh.tokens, fresh.supervised, fresh.train_seconds, fresh.seconds) == (
        7,
        70,
        60,
        0.1,
        0.3,
    )
    for before, after in zip(state.model.parameters(), fresh.model.parameters(), strict=True):
        assert torch.equal(before, after)
    saved, restored = state.optimizer.state(), fresh.optimizer.state()
    assert saved.keys() == restored.keys()
    assert all(torch.equal(value, restored[name]) for name, value in saved.items())


class Remembered:
    """A part that keeps a tensor and a number."""

    def __init__(self, number: float = 0.0) -> None:
        self.number = number

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"of/it": torch.full((2,), self.number)}

    def state(self) -> float:
        return self.number

    def restore(self, tensors: dict[str, torch.Tensor], state: float | None) -> None:
        assert (tensors == {}) == (state is None)
        self.number = -1.0 if state is None else state + float(tensors["of/it"].sum())


def test_a_part_that_is_missing_is_damage(tmp_path: Path, make_state: MakeState) -> None:
    Checkpoints(tmp_path, digest="a", parts={}, steps=9).save(make_state())
    with pytest.raises(ArtifactError, match="the checkpoint cannot be read") as caught:
        Checkpoints(tmp_path, digest="a", parts={"it": Remembered()}, steps=9).restore(make_state())
    assert caught.value.hint == f"remove {tmp_path} to train from the beginning"


def test_without_a_pace_training_waits_a_hundredth_of_its_time(
    tmp_path: Path, make_state: MakeState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save takes half a second here, so the next one is due 50 seconds later; the first after 15."""
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(module, "time", clock)
    saved: list[float] = []

    def begin(self: Checkpoints, state: TrainState) -> None:
        saved.append(clock.now - 100)
        clock.now += 0.5

    monkeypatch.setattr(Checkpoints, "_begin", begin)
    hook, state = Checkpoints(tmp_path, digest="a", parts={}, steps=1000), make_state()
    for step in range(1, 200):
        clock.now += 1.0
        hook.after_step(state, StepResult(step, 1.0, 1.0, 1.0, 1, 1, 1.0))
    assert saved == [15.0, 65.5, 116.0, 166.5]


def test_a_part_comes_back(tmp_path: Path, make_state: MakeState) -> None:
    def with_part(part: Remembered) -> Checkpoints:
        return Checkpoints(tmp_path, digest="a", parts={"it": part}, steps=9, every_seconds=60)

    begun = Remembered()
    assert not with_part(begun).restore(make_state())
    assert begun.number == -1.0
    with_part(Remembered(5.0)).save(make_state())
    assert with_part(resumed := Remembered()).restore(make_state())
    assert resumed.number == 15.0


def test_nothing_to_come_back_to(tmp_path: Path, make_state: MakeState) -> None:
    state = make_state()
    assert not checkpoints(tmp_path).restore(state)
    assert state.step == 7


def test_only_the_newest_is_kept(tmp_path: Path, make_state: MakeState) -> None:
    state = make_state()
    for step in (7, 8, 12):
        state.step = step
        checkpoints(tmp_path).save(state)
    assert names(tmp_path) == ["000000012"]


@pytest.mark.parametrize("moment", ["save_file", "sync_file", "sync_folder"])
def test_a_kill_while_saving_leaves_a_whole_one(
    tmp_path: Path, make_state: MakeState, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    state = make_state()
    checkpoints(tmp_path).save(state)

    def die(*arguments: object) -> None:
        if moment == "sync_folder" and arguments != (tmp_path / "checkpoints",):
            return  # before the rename
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(module, moment, die)
        patch.setattr(module.shutil, "rmtree", lambda *_, **__: None)  # a killed process tidies nothing
        state.step = 8
        with pytest.raises(SystemExit):
            checkpoints(tmp_path).save(state)
    assert checkpoints(tmp_path).restore(state)
    assert state.step == (8 if moment == "sync_folder" else 7)
    assert not [name for name in names(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("raised", ["operating system", "safetensors"])
def test_a_full_disk_keeps_the_last_good_one(
    tmp_path: Path, make_state: MakeState, monkeypatch: pytest.MonkeyPatch, raised: str
) -> None:
    state = make_state()
    checkpoints(tmp_path).save(state)

    def full(*_: object) -> None:
        if raised == "safetensors":
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    with monkeypatch.context() as patch:
        patch.setattr(module, "save_file", full)
        state.step = 8
        with pytest.raises(
            ArtifactError, match="No space left on device while saving the checkpoint of step 8"
        ) as caught:
            checkpoints(tmp_path).save(state)
    assert caught.value.hint is not None
    assert "free some space" in caught.value.hint
    assert names(tmp_path) == ["000000007"]


def test_another_run_is_refused(tmp_path: Path, make_state: MakeState) -> None:
    checkpoints(tmp_path, digest="a").save(make_state())
    with pytest.raises(
        ArtifactError, match="written by a run with another configuration, data or seed"
    ) as caught:
        checkpoints(tmp_path, digest="b").restore(make_state())
    assert caught.value.hint == f"remove {tmp_path / 'checkpoints'} to train from the beginning"


@pytest.mark.parametrize("file", [tensors_file(0), STATE_FILE])
def test_a_damaged_one_is_named(tmp_path: Path, make_state: MakeState, file: str) -> None:
    checkpoints(tmp_path).save(make_state())
    path = tmp_path / "checkpoints" / "000000007" / file
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ArtifactError, match="the checkpoint cannot be read") as caught:
        checkpoints(tmp_path).restore(make_state())
    assert caught.value.where == str(path.parent)
