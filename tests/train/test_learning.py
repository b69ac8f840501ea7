"""Skipped outliers, averaged weights and the z-loss in a whole run: what they do, and that a kill changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.model.loss import penalised_cross_entropy
from ontogeny.model.transformer import Transformer
from ontogeny.train import objective as objectives
from ontogeny.train import training
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_optimizer import AdamWConfig, SkipOutliers
from ontogeny.train.loop import Run, TrainState, run
from ontogeny.train.objective import Objective, next_token
from ontogeny.train.optim import Optimizer
from ontogeny.train.outliers import SkipOutlierSteps
from ontogeny.train.packing import DocumentSpans, pack_text
from ontogeny.train.training import HeldOut, Trained, train

STEPS = 20
OUTLIER = 15  # the step, from 0, whose loss is made to stand out
MakeModel = Callable[[], Transformer]


@pytest.fixture(autouse=True)
def _known_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "matmul_flops_per_second", lambda device, dtype: 1e9)


def batches_of(documents: DocumentSpans, shards: Any) -> Batches:
    plan = pack_text(documents, seq_len=12, batch_rows=4, steps=STEPS, seed=1)
    return Batches(plan, shards, micro_batch_rows=4)


def start(
    folder: Path,
    model: Transformer,
    documents: DocumentSpans,
    shards: Any,
    *,
    objective: Objective[Batch] | None = None,
    **settings: Any,
) -> Trained:
    batches = batches_of(documents, shards)
    few = {"steps": STEPS, "batch_rows": 4, "schedule": {"warmup_steps": 3}, "eval_every": 100}
    return train(
        model,
        batches,
        config=TrainConfig.model_validate({**few, **settings}),
        folder=folder,
        progress=QuietProgress(),
        label="test",
        held_out=HeldOut(batches),
        objective=objective,
    )


def weights(model: Transformer) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def same(one: Transformer, other: Transformer) -> bool:
    mine, yours = weights(one), weights(other)
    return all(torch.equal(value, yours[name]) for name, value in mine.items())


class PlantedOutlier:
    """The objective, a hundredfold at one step; one micro-batch a step."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, model: Transformer, batch: Batch) -> Tensor:
        self.calls += 1
        return next_token(model, batch) * (100 if self.calls == OUTLIER + 1 else 1)


class Refuse:
    """A guard that knows which step to leave out."""

    def __init__(self) -> None:
        self.calls = 0

    def admits(self, loss: float, grad_norm: float) -> bool:
        self.calls += 1
        return self.calls != OUTLIER + 1


def test_a_planted_outlier_is_as_if_it_had_not_been(
    make_model: MakeModel, documents: DocumentSpans, shards: Any
) -> None:
    found = []
    cases: list[tuple[Any, Any]] = [
        (PlantedOutlier(), SkipOutlierSteps(SkipOutliers(window=16))),
        (next_token, Refuse()),
        (PlantedOutlier(), None),
    ]
    for objective, guard in cases:
        model = make_model()
        state = TrainState(model, Optimizer(model, AdamWConfig(lr=0.01)))
        setup = Run(
            feed=batches_of(documents, shards),
            objective=objective,
            steps=STEPS,
            lr=lambda step: 1.0,
            clip_grad_norm=None,
            guard=guard,
        )
        run(state, setup)
        found.append((model, state.skipped))
    (skipped, count), (without, also), (learnt, none) = found
    assert (count, also, none) == (1, 1, 0)
    assert same(skipped, without)
    assert not same(learnt, without)


def test_skipped_steps_are_counted(
    tmp_path: Path, make_model: MakeModel, documents: DocumentSpans, shards: Any
) -> None:
    figures = start(
        tmp_path, make_model(), documents, shards, objective=PlantedOutlier(), skip_outliers={"window": 16}
    ).figures
    assert figures["skipped_steps"] == 1


class Stopped(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("stop", [7, 14, 19])
def test_a_killed_run_skips_and_averages_the_same(
    tmp_path: Path,
    make_model: MakeModel,
    documents: DocumentSpans,
    shards: Any,
    monkeypatch: pytest.MonkeyPatch,
    stop: int,
) -> None:
    """A narrow bound refuses some steps; the mean is over the second half, so both are under way at each stop."""
    settings: dict[str, Any] = {
        "optimizer": {"type": "muon", "cautious": True},
        "skip_outliers": {"window": 8, "sigma": 0.5},
        "average": {"fraction": 0.5, "every": 2},
        "z_loss": 0.01,
        "checkpoint_seconds": 0,
    }
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    whole = make_model()
    expected = start(tmp_path / "whole", whole, documents, shards, **settings).figures

    with monkeypatch.context() as patch:
        left = stop

        def until_stopped(*arguments: Any, **named: Any) -> tuple[Tensor, Tensor]:
            nonlocal left
            left -= 1
            if left < 0:
                raise Stopped
            return penalised_cross_entropy(*arguments, **named)

        patch.setattr(objectives, "penalised_cross_entropy", until_stopped)
        with pytest.raises(Stopped):
            start(tmp_path / "broken", make_model(), documents, shards, **settings)
    resumed = make_model()
    found = start(tmp_path / "broken", resumed, documents, shards, **settings).figures
    assert same(whole, resumed)
    names = (
        "skipped_steps",
        "averaged_steps",
        "held_out_loss_last_weights",
        "held_out_loss_averaged_weights",
    )
    assert [found[name] for name in names] == [expected[name] for name in names]
    assert found["skipped_steps"] > 0


def test_the_average_is_the_model_and_both_losses_are_told(
    tmp_path: Path, make_model: MakeModel, documents: DocumentSpans, shards: Any
) -> None:
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    averaged, last = make_model(), make_model()
    figures = start(tmp_path / "with", averaged, documents, shards, average={"fraction": 0.3}).figures
    plain = start(tmp_path / "without", last, documents, shards).figures
    assert not {"averaged_steps", "skipped_steps"} & plain.keys()
    assert figures["averaged_steps"] == 6
    assert not same(averaged, last)
    held_out = HeldOut(batches_of(documents, shards))
    assert figures["held_out_loss_averaged_weights"] == training.held_out_loss(averaged, held_out)
    assert figures["held_out_loss_last_weights"] == training.held_out_loss(last, held_out)


def test_a_z_loss_for_another_objective_is_refused(
    tmp_path: Path, make_model: MakeModel, documents: DocumentSpans, shards: Any
) -> None:
    with pytest.raises(UsageError, match="this objective has no z-loss"):
        start(tmp_path, make_model(), documents, shards, objective=PlantedOutlier(), z_loss=1e-4)
