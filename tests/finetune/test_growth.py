"""A quarter and a half of the examples: nested samples, runs that shrink with them, nothing trained twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.config_training import TuneConfig
from ontogeny.finetune.growth import Part, check_parts, config_of_part, learn_parts, nested_order
from ontogeny.lineage.step import Context


class Told(QuietProgress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def test_every_beginning_has_its_share_of_each_class() -> None:
    gold = np.array([0] * 60 + [1] * 30 + [2] * 10)
    order = nested_order(100, seed=3, gold=gold)
    assert sorted(order.tolist()) == list(range(100))
    for size in (10, 25, 50):
        counts = np.bincount(gold[order[:size]], minlength=3)
        assert np.abs(counts - size * np.array([0.6, 0.3, 0.1])).max() <= 1
    assert nested_order(100, seed=4, gold=gold).tolist() != order.tolist()
    assert sorted(nested_order(7, seed=1).tolist()) == list(range(7))


def test_a_part_is_learnt_in_as_many_epochs() -> None:
    train = TuneConfig.model_validate(
        {"steps": 200, "batch_rows": 4, "schedule": {"warmup_steps": 40}, "eval_every": 20}
    )
    part = config_of_part(train, rows=400, part=100)
    assert part.epochs == 2 and part.steps is None
    assert part.steps_over(100) == 50
    assert (part.schedule.warmup_steps, part.eval_every) == (10, 5)
    assert config_of_part(TuneConfig(epochs=3, batch_rows=4), rows=400, part=100).steps_over(100) == 75


def test_what_is_of_no_use_in_so_few_steps_is_left_out() -> None:
    settings = {
        "epochs": 1, "batch_rows": 10, "eval_every": 10, "early_stopping": {"patience": 5}, "trackers": ["tensorboard"],
        "keep": {"best": True, "every": 30}, "skip_outliers": {"window": 60},
    }  # fmt: skip
    train = TuneConfig.model_validate(settings)
    part = config_of_part(train, rows=1000, part=100)
    assert part.steps_over(100) == 10  # which would be refused with them
    assert part.early_stopping is not None and part.keep is not None and part.keep.every is None
    assert part.skip_outliers is None and part.trackers == ()
    averaging = TuneConfig.model_validate({"epochs": 1, "batch_rows": 10, "average": {"fraction": 0.05}})
    assert config_of_part(averaging, rows=1000, part=100).average is None


def test_a_quarter_that_fills_no_batch_is_refused() -> None:
    told = Told()
    check_parts(TuneConfig(epochs=1, batch_rows=5), rows=20, progress=told)
    assert "about 75% of this training's time on top of it" in told.notes[0]
    with pytest.raises(
        UsageError, match="a quarter of the 19 rows to learn from is 4, fewer than a batch of 5"
    ) as caught:
        check_parts(TuneConfig(epochs=1, batch_rows=5), rows=19, progress=told)
    assert caught.value.where == "learning_curve"
    assert caught.value.hint is not None and "`train.batch_rows` to at most 4" in caught.value.hint


def test_parts_are_nested_and_trained_once(tmp_path: Path) -> None:
    context = Context(tmp_path, tmp_path, 1, "cpu", QuietProgress())
    learnt: list[Part] = []

    def learn(part: Part, folder: Path) -> dict[str, Any]:
        assert folder.is_dir()
        learnt.append(part)
        return {"rows": len(part.rows)}

    order = nested_order(40, seed=2)
    found = learn_parts(order, TuneConfig(epochs=1, batch_rows=4), learn, context)
    assert [measured["rows"] for _, measured in found] == [10, 20]
    assert set(learnt[0].rows) < set(learnt[1].rows)
    again = learn_parts(order, TuneConfig(epochs=1, batch_rows=4), learn, context)
    assert len(learnt) == 2 and [measured for _, measured in again] == [measured for _, measured in found]
    assert not list(tmp_path.glob("part-*/"))
