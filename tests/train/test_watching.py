"""What stands beside training, in whole runs: an early end, snapshots, the best weights, also after a stop."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ontogeny.core.errors import ArtifactError, UsageError
from ontogeny.core.files import payload_files
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from ontogeny.train import snapshots, training, watching
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.config import TrainConfig
from ontogeny.train.objective import next_token
from ontogeny.train.packing import DocumentSpans, pack_text
from ontogeny.train.snapshot_folders import snapshots_in
from ontogeny.train.training import HeldOut, Trained, train
from tests.notes import Notes
from tests.train.conftest import Unlike
from tests.train.test_trackers import Service

STEPS = 24
MakeModel = Callable[[], Transformer]
# What is held out knows another rule, so that its loss falls for a while and rises again.
OVERFITTING: dict[str, Any] = {"optimizer": {"lr": 0.03}, "schedule": {"decay_fraction": 0}, "eval_every": 2}


class Stopped(Exception):
    """Stands for a kill."""


class StopAt:
    """The objective, until its nth call with a gradient."""

    def __init__(self, calls: float = float("inf")) -> None:
        self.left = calls

    def __call__(self, model: Transformer, batch: Batch) -> Tensor:
        self.left -= torch.is_grad_enabled()
        if self.left < 0:
            raise Stopped
        return next_token(model, batch)


@pytest.fixture(autouse=True)
def _known_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "matmul_flops_per_second", lambda device, dtype: 1e9)


@pytest.fixture
def begin(documents: DocumentSpans, shards: Any, make_model: MakeModel) -> Callable[..., Any]:
    def begin(
        folder: Path, *, stop: StopAt | None = None, measured: bool = True, **settings: Any
    ) -> tuple[Trained, Transformer, list[str]]:
        folder.mkdir(exist_ok=True)
        settings = {"steps": STEPS, "batch_rows": 4, "checkpoint_seconds": 0, "log_every": 3, **settings}
        plan = pack_text(documents, seq_len=12, batch_rows=4, steps=STEPS, seed=1)
        held_out = pack_text(documents.take(plan.row[:2]), seq_len=12, batch_rows=1, seed=1)
        begin.model = model = make_model()  # type: ignore[attr-defined]
        begin.untouched = make_model()  # type: ignore[attr-defined]
        notes = Notes()
        trained = train(
            model,
            Batches(plan, shards, micro_batch_rows=4),
            config=TrainConfig.model_validate(settings),
            folder=folder,
            progress=notes,
            label="test",
            held_out=HeldOut(Batches(held_out, Unlike(), micro_batch_rows=4)) if measured else None,
            objective=stop or StopAt(),
        )
        return trained, model, notes.said

    return begin


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def measured(folder: Path) -> dict[int, float]:
    return {line["step"]: line["held_out_loss"] for line in lines(folder) if "held_out_loss" in line}


def published(trained: Trained, model: Transformer, payload: Path) -> dict[str, bytes]:
    payload.mkdir()
    huggingface.save(model, payload)
    trained.publish(payload)
    return {str(path): (payload / path).read_bytes() for path in payload_files(payload)}


def same(one: Transformer, folder: Path) -> bool:
    other = huggingface.load(folder)
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_snapshots_are_the_model_at_their_steps(begin: Any, tmp_path: Path) -> None:
    trained, model, _ = begin(tmp_path / "run", keep={"every": 5})
    published(trained, model, tmp_path / "payload")
    found = snapshots_in(tmp_path / "payload")
    assert {step: folder.name for step, folder in found.items()} == {
        5: "000005", 10: "000010", 15: "000015", 20: "000020",
    }  # fmt: skip
    for step, folder in found.items():
        with pytest.raises(Stopped):  # the same run, killed behind that step: one micro-batch a step
            begin(tmp_path / str(step), keep={"every": 5}, stop=StopAt(step))
        assert same(begin.model, folder)
    assert not same(model, found[20])


def test_snapshots_change_nothing_else(begin: Any, tmp_path: Path) -> None:
    _, plain, _ = begin(tmp_path / "plain")
    _, kept, _ = begin(tmp_path / "kept", keep={"every": 3, "newest": 2})
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), kept.parameters(), strict=True))
    assert lines(tmp_path / "plain") == lines(tmp_path / "kept")


@pytest.mark.parametrize(("newest", "left"), [(1, [20]), (2, [15, 20]), (9, [5, 10, 15, 20])])
def test_the_newest_stay(begin: Any, tmp_path: Path, newest: int, left: list[int]) -> None:
    trained, model, _ = begin(tmp_path / "run", keep={"every": 5, "newest": newest})
    published(trained, model, tmp_path / "payload")
    assert list(snapshots_in(tmp_path / "payload")) == left
    there = {int(path.name) for path in (tmp_path / "run" / "kept").iterdir()}
    assert there - set(left) <= {15 - 5 * (newest - 1), 20 - 5 * newest}  # what the checkpoint before wanted


def test_the_best_weights_are_the_model_and_the_last_a_snapshot(begin: Any, tmp_path: Path) -> None:
    trained, model, notes = begin(tmp_path / "run", keep={"best": True}, **OVERFITTING)
    losses = measured(tmp_path / "run")
    best = min(losses, key=losses.__getitem__)
    assert best < STEPS, "the settings of this test are to overfit"
    assert trained.figures["steps"] == best
    assert trained.figures["steps_run"] == STEPS
    by_step = {line["step"]: line for line in lines(tmp_path / "run")}
    assert trained.figures["tokens"] == by_step[best]["tokens"] < trained.figures["tokens_run"]
    assert trained.figures["tokens_run"] == by_step[STEPS]["tokens"]
    assert trained.figures["loss"] == by_step[best]["loss"]
    assert any(f"the model is that of step {best}" in note for note in notes)
    published(trained, model, tmp_path / "payload")
    assert list(snapshots_in(tmp_path / "payload")) == [STEPS]
    _, last, _ = begin(tmp_path / "plain", **OVERFITTING)
    assert same(last, tmp_path / "payload" / "checkpoints" / "000024")
    assert not same(last, tmp_path / "payload")


def test_the_best_weights_have_the_context_they_were_measured_in(begin: Any, tmp_path: Path) -> None:
    phases = [{"until": 12, "batch_rows": 4}, {"rope_base": 1e6, "lr_factor": 300.0}]
    trained, model, _ = begin(tmp_path / "run", keep={"best": True}, phases=phases, **OVERFITTING)
    assert trained.figures["steps"] <= 12, "the settings of this test are to overfit"
    assert model.config == begin.untouched.config
    published(trained, model, tmp_path / "payload")
    last = huggingface.load(tmp_path / "payload" / "checkpoints" / "000024")
    assert last.config.rope_base == 1e6


def test_an_early_end(begin: Any, tmp_path: Path) -> None:
    whole, _, _ = begin(tmp_path / "whole", **OVERFITTING)
    losses = measured(tmp_path / "whole")
    trained, _, notes = begin(tmp_path / "early", early_stopping={"patience": 2}, **OVERFITTING)
    early = measured(tmp_path / "early")
    assert len(early) < len(losses)
    assert list(losses.items())[: len(early)] == list(early.items())
    assert trained.figures["steps"] == max(early) < STEPS == whole.figures["steps"]
    assert trained.figures["tokens"] < whole.figures["tokens"]
    assert trained.figures["ended"].startswith("the held-out loss has not fallen below")
    assert f"ended after step {max(early)}" in notes[-1]
    assert lines(tmp_path / "early")[-1]["step"] == max(early)


@pytest.mark.parametrize("stop", [3, 8, 11, 17, 19])
def test_stopped_and_resumed_it_publishes_the_same_bytes(begin: Any, tmp_path: Path, stop: int) -> None:
    settings = {
        **OVERFITTING,
        "keep": {"best": True, "every": 3, "newest": 2},
        "early_stopping": {"patience": 4},
    }
    trained, model, _ = begin(tmp_path / "whole", **settings)
    whole = published(trained, model, tmp_path / "one")
    with pytest.raises(Stopped):
        begin(
            tmp_path / "broken",
            stop=StopAt(min(stop, trained.figures.get("steps_run", STEPS) - 1)),
            **settings,
        )
    trained, model, _ = begin(tmp_path / "broken", **settings)
    assert published(trained, model, tmp_path / "two") == whole
    trained, model, _ = begin(
        tmp_path / "broken", stop=StopAt(0), **settings
    )  # killed before it was published
    assert published(trained, model, tmp_path / "three") == whole


def test_a_stop_between_a_snapshot_and_its_checkpoint(
    begin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With rare checkpoints a resumed run finds snapshots of steps that it is yet to do again."""
    settings = {**OVERFITTING, "keep": {"best": True, "every": 3, "newest": 1}}
    trained, model, _ = begin(tmp_path / "whole", **settings)
    whole = published(trained, model, tmp_path / "one")
    with pytest.raises(Stopped):
        begin(tmp_path / "broken", stop=StopAt(4), **settings)
    with pytest.raises(Stopped):
        begin(tmp_path / "broken", stop=StopAt(13), checkpoint_seconds=1000, **settings)
    trained, model, _ = begin(tmp_path / "broken", **settings)
    assert published(trained, model, tmp_path / "two") == whole


def test_trackers_may_be_others_after_a_stop(
    begin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each goes on in its own run, wherever it stands in the list; a new one is told from there on."""
    services: dict[str, Service] = {}

    def make(tracker: Any, **_: Any) -> Service:
        return services.setdefault(tracker.folder, Service())

    monkeypatch.setattr(watching, "make_tracker", make)
    before, new = ({"type": "tensorboard", "folder": name} for name in ("before", "new"))
    with pytest.raises(Stopped):
        begin(tmp_path / "run", trackers=[before], stop=StopAt(10))
    begin(tmp_path / "run", trackers=[new, before])
    assert [line["step"] for line in services["before"].told] == list(range(3, STEPS + 1, 3))
    assert [run for run, _ in services["before"].opened] == [None, "run-7"]
    assert [line["step"] for line in services["new"].told] == list(range(12, STEPS + 1, 3))


def test_a_full_disk_leaves_what_was_there(
    begin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = huggingface.save

    def full(model: Transformer, folder: Path, **options: Any) -> None:
        original(model, folder, **options)
        if folder.name.endswith("10"):
            raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr(snapshots.huggingface, "save", full)
    with pytest.raises(
        ArtifactError, match="No space left on device while keeping the model of step 10"
    ) as caught:
        begin(tmp_path / "run", keep={"every": 5})
    assert caught.value.hint is not None
    assert "free some space" in caught.value.hint
    assert [path.name for path in (tmp_path / "run" / "kept").iterdir()] == ["000005"]
    monkeypatch.setattr(snapshots.huggingface, "save", original)
    trained, model, _ = begin(tmp_path / "run", keep={"every": 5})
    published(trained, model, tmp_path / "payload")
    assert list(snapshots_in(tmp_path / "payload")) == [5, 10, 15, 20]


def test_a_snapshot_that_is_gone_is_told(begin: Any, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        begin(tmp_path / "run", keep={"every": 5}, stop=StopAt(12))
    for path in (tmp_path / "run" / "kept" / "000005").iterdir():
        path.unlink()
    (tmp_path / "run" / "kept" / "000005").rmdir()
    with pytest.raises(ArtifactError, match=r"kept/000005 is missing"):
        begin(tmp_path / "run", keep={"every": 5})


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"early_stopping": {"patience": 2}}, "early_stopping"), ({"keep": {"best": True}}, "keep.best")],
)
def test_what_goes_by_the_held_out_loss_needs_one(
    begin: Any, tmp_path: Path, settings: dict[str, Any], name: str
) -> None:
    with pytest.raises(UsageError, match=rf"`train.{name}` goes by the held-out loss") as caught:
        begin(tmp_path / "run", measured=False, eval_every=2, **settings)
    assert caught.value.hint is not None
    assert "held_out_fraction" in caught.value.hint
