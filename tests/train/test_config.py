"""What a user may write, and each message about what they may not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ontogeny.core.errors import UsageError
from ontogeny.model import amx
from ontogeny.train.config import TrainConfig, check_dtype
from ontogeny.train.config_optimizer import AdamWConfig, MuonConfig

STEPS = {"steps": 100}


def test_adamw_needs_no_type() -> None:
    assert isinstance(TrainConfig.model_validate({**STEPS, "optimizer": {"lr": 0.1}}).optimizer, AdamWConfig)
    assert isinstance(
        TrainConfig.model_validate({**STEPS, "optimizer": {"type": "muon"}}).optimizer, MuonConfig
    )


def test_a_configuration_survives_json() -> None:
    config = TrainConfig.model_validate({**STEPS, "optimizer": {"type": "muon", "lr": 0.03}})
    assert TrainConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give either `steps` or `epochs`, one of the two"),
        ({"steps": 100, "epochs": 2}, "give either `steps` or `epochs`, one of the two"),
        (
            {**STEPS, "batch_rows": 16, "micro_batch_rows": 5},
            r"`micro_batch_rows` \(5\) must divide `batch_rows` \(16\)",
        ),
        ({**STEPS, "schedule": {"decay_fraction": 1.5}}, "less than or equal to 1"),
        (
            {"steps": 8, "schedule": {"warmup_steps": 8, "decay_fraction": 0.5}},
            "the 8 of `schedule.warmup_steps` and a decay do not fit into 8 steps: lower it, or train for longer",
        ),
        (
            {"steps": 8, "schedule": {"warmup_steps": 9, "decay_fraction": 0}},
            "the 9 of `schedule.warmup_steps` do not fit into 8 steps",
        ),
        (
            {"steps": 64, "skip_outliers": {}},
            r"`skip_outliers.window` \(128\) has no effect in 64 steps, since nothing is skipped before step 65",
        ),
        ({**STEPS, "skip_outliers": {"window": 3}}, "greater than or equal to 4"),
        (
            {**STEPS, "batch_rows": 16, "micro_batch_rows": 32},
            r"`micro_batch_rows` \(32\) has no effect, since no batch has more than 16 rows: lower it, or leave it",
        ),
        (
            {**STEPS, "schedule": {"decay_fraction": 0, "shape": "cosine"}},
            r"`schedule.shape` has no effect, since `schedule.decay_fraction` \(0\) leaves none of 100 steps",
        ),
        (
            {"steps": 8, "schedule": {"warmup_steps": 0, "decay_fraction": 0.05, "final_lr_fraction": 0.1}},
            r"`schedule.final_lr_fraction` has no effect, since `schedule.decay_fraction` \(0.05\) leaves none of 8",
        ),
        (
            {**STEPS, "optimizer": {"decay_embeddings": True, "weight_decay": 0}},
            "`decay_embeddings` has no effect without `weight_decay`",
        ),
        (
            {**STEPS, "average": {"fraction": 0.2, "every": 20}},
            r"`average.fraction` \(0.2\) and `average.every` \(20\) leave one of 100 steps, of which the mean is",
        ),
        (
            {**STEPS, "average": {}, "keep": {"best": True}},
            "`average` and `keep.best` both say which weights become the model: leave one out",
        ),
        ({**STEPS, "z_loss": -1}, "greater than or equal to 0"),
        ({**STEPS, "optimizer": {"momentum": 0.9}}, "Extra inputs are not permitted"),
        ({**STEPS, "optimizer": {"type": "muon", "betas": [0.9, 0.99]}}, "Extra inputs are not permitted"),
        ({**STEPS, "optimizer": {"type": "sgd"}}, "'adamw', 'muon'"),
        (
            {**STEPS, "optimizer": {"type": "muon", "cautious": True, "weight_decay": 0}},
            "`cautious` has no effect without `weight_decay`",
        ),
        ({**STEPS, "optimizer": {"lr": 0}}, "greater than 0"),
        ({**STEPS, "optimizer": {"betas": [0.9, 1.0]}}, "less than 1"),
        ({**STEPS, "seq_len": 1}, "greater than or equal to 2"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainConfig.model_validate(settings)


def test_bfloat16_is_refused_where_it_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    for dtype, device in (("auto", "cpu"), ("float32", "cpu"), ("bfloat16", "cuda")):
        check_dtype(dtype, device)
    monkeypatch.setattr(amx, "has_amx", lambda: True)
    check_dtype("bfloat16", "cpu")
    monkeypatch.setattr(amx, "has_amx", lambda: False)
    with pytest.raises(UsageError, match=r"bfloat16 is refused on this CPU") as caught:
        check_dtype("bfloat16", "cpu")
    assert "leave `train.dtype` out" in str(caught.value.hint)


@pytest.mark.parametrize(("epochs", "rows", "steps"), [(1, 32, 2), (2, 33, 5), (0.25, 64, 1), (0.01, 16, 1)])
def test_epochs_are_rounded_up_to_steps(epochs: float, rows: int, steps: int) -> None:
    config = TrainConfig.model_validate({"epochs": epochs, "schedule": {"warmup_steps": 0}})
    assert config.steps_over(rows) == steps


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": {"warmup_steps": 9}}, "do not fit into 2 steps"),
        ({"skip_outliers": {}}, "has no effect in 2 steps"),
        ({"average": {}}, "leave one of 2 steps"),
        ({"keep": {"every": 2}}, r"`keep.every` \(2\) has no effect in 2 steps"),
        (
            {"early_stopping": {"patience": 1}, "eval_every": 1},
            r"`early_stopping.patience` \(1\) has no effect in 2 steps",
        ),
    ],
)
def test_epochs_too_short_for_what_is_asked(settings: dict[str, Any], message: str) -> None:
    config = TrainConfig.model_validate({"epochs": 1, "schedule": {"warmup_steps": 0}, **settings})
    with pytest.raises(ValueError, match=message):
        config.steps_over(32)
