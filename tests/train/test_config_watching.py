"""What may be written about trackers, an early end and snapshots, and what of it names a result."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ontogeny.lineage.fingerprint import material
from ontogeny.train.config import IMMATERIAL, TrainConfig
from ontogeny.train.config_watching import Keep, TensorBoardConfig, WandbConfig


def config(**settings: Any) -> TrainConfig:
    return TrainConfig.model_validate({"steps": 100, **settings})


def test_a_name_stands_for_a_tracker_with_its_defaults() -> None:
    trackers = config(trackers=["tensorboard", {"type": "wandb", "project": "books"}]).trackers
    assert trackers == (TensorBoardConfig(), WandbConfig(project="books"))
    assert TrainConfig.model_validate(config(trackers=["mlflow"]).model_dump()).trackers[0].type == "mlflow"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trackers": ["tensorbord"]}, "does not match any of the expected tags"),
        ({"trackers": ["wandb", {"type": "wandb"}]}, "'wandb' is given twice with the same settings"),
        ({"trackers": [{"type": "tensorboard", "uri": "x"}]}, "Extra inputs are not permitted"),
        ({"keep": {}}, "nothing is kept: give `every: STEPS`, `best: true`, or both"),
        ({"keep": {"best": True, "newest": 2}}, "`newest` has no effect without `every`"),
        ({"keep": {"every": 0}}, "greater than or equal to 1"),
        (
            {"keep": {"best": True}, "average": {"fraction": 0.1}},
            "`average` and `keep.best` both say which weights",
        ),
        (
            {"keep": {"every": 100}},
            r"`keep.every` \(100\) has no effect in 100 steps: .* lower it, or leave it out",
        ),
        (
            {"keep": {"best": True}, "eval_every": 100},
            "`keep.best` has no effect in 100 steps: with `eval_every` 100 only the last one is measured: lower that",
        ),
        (
            {"early_stopping": {"patience": 9}, "eval_every": 10},
            r"`early_stopping.patience` \(9\) has no effect in 100 steps: .* ends after step 100 at the earliest",
        ),
        ({"early_stopping": {}}, "Field required"),
        ({"early_stopping": {"patience": 0}}, "greater than or equal to 1"),
        ({"early_stopping": {"patience": 1, "min_delta": -1}}, "greater than or equal to 0"),
    ],
)
def test_mistakes(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**settings)


def test_what_has_an_effect_is_taken() -> None:
    assert config(keep={"every": 99}).keep.every == 99
    assert config(keep={"best": True}, eval_every=99).keep.best
    stopping = config(early_stopping={"patience": 8}, eval_every=10).early_stopping
    assert stopping is not None and stopping.patience == 8
    over_data = TrainConfig.model_validate({"epochs": 1, "keep": {"every": 1000}})
    assert over_data.keep.every == 1000  # how many steps that is, the data tell


def test_trackers_never_name_a_result_and_the_rest_does() -> None:
    plain = material(config())
    assert material(config(trackers=["tensorboard"], checkpoint_seconds=1)) == plain
    assert material(config(early_stopping={"patience": 3}, eval_every=10)) != material(config(eval_every=10))
    assert material(config(keep=Keep(every=10))) != plain
    assert {"trackers", "checkpoint_seconds"} <= IMMATERIAL
    assert not {"keep", "early_stopping", "steps"} & IMMATERIAL
