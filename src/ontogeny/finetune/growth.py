"""The same training on a quarter and a half of the examples, to tell what more of them would give.

    for part, measured in learn_parts(nested_order(rows, seed=...), train, learn, context): ...

Parts are nested, of classes each has its share, and everything of a run that is counted in steps shrinks with it: as
many epochs, a warmup of the same share, as many measurements.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import Progress
from ontogeny.finetune.shared import once
from ontogeny.lineage.step import Context
from ontogeny.statistics.learning_curve import Growth, LossGrowth
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_optimizer import check_average, check_outliers
from ontogeny.train.config_watching import Keep, check_keep, check_stopping
from ontogeny.train.order import permute

SHARES = (0.25, 0.5)  # with the whole the three sizes that a power law with an offset needs

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """A part of the examples: its rows in the order of the whole, and how it is learnt."""

    share: float
    rows: Ints
    train: TrainConfig

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"part-{self.share:g}"


def nested_order(rows: int, *, seed: int, gold: Ints | None = None) -> Ints:
    """(rows,) an order of which every beginning is a sample; of classes `gold` (rows,) each has its share in it."""
    drawn = permute(np.arange(rows, dtype=np.int64), size=rows, key=seed)
    if gold is None:
        return drawn
    place = np.empty(rows)
    for each in np.unique(gold):
        own = drawn[gold[drawn] == each]
        place[own] = (np.arange(len(own)) + 0.5) / len(own)
    return drawn[np.argsort(place[drawn], kind="stable")]


def check_parts(train: TrainConfig, *, rows: int, progress: Progress) -> None:
    """Refuse a learning curve of which the smallest part does not fill a batch; tell what it costs.

    Raises:
        UsageError: says what would.
    """
    least = int(SHARES[0] * rows)
    if least < train.batch_rows:
        raise UsageError(
            f"a quarter of the {rows:,} rows to learn from is {least:,}, fewer than a batch of {train.batch_rows:,}",
            where="learning_curve",
            hint=f"lower `train.batch_rows` to at most {max(1, least):,}, bring more examples, or leave it out",
        )
    progress.note(
        f"finetune: the learning curve trains twice more, on a quarter and a half of the rows: about {sum(SHARES):.0%} "
        "of this training's time on top of it"
    )


def learn_parts(
    order: Ints, train: TrainConfig, learn: Callable[[Part, Path], dict[str, Any]], context: Context
) -> list[tuple[Part, dict[str, Any]]]:
    """The parts, the smallest first, and what `learn` measured after training a model of its own on each.

    `learn` keeps checkpoints in the folder that it is given; what it measured is kept, so that a resumed step need not
    train again. `order` (rows,) is as `nested_order` has it.
    """
    found = []
    for share in SHARES:
        rows = np.sort(order[: int(share * len(order))])
        part = Part(share, rows, config_of_part(train, rows=len(order), part=len(rows)))
        folder = context.scratch / part.name
        folder.mkdir(exist_ok=True)
        context.progress.note(
            f"finetune: for the learning curve, training on {len(rows):,} of {len(order):,} rows"
        )
        found.append((part, once(context.scratch / f"{part.name}.json", partial(learn, part, folder))))
        shutil.rmtree(folder, ignore_errors=True)
    return found


def growth_figures(growth: Growth | LossGrowth) -> dict[str, Any]:
    """For the manifest."""
    told: dict[str, Any] = asdict(growth)
    del told["curve"]
    return {"more_data": {**told, "words": growth.words}}


def config_of_part(train: TrainConfig, *, rows: int, part: int) -> TrainConfig:
    """How `part` of `rows` rows are learnt: as all of them would be, in as many epochs.

    What is of no use in so few steps is left out, and what only watches as well.
    """
    share = part / rows
    epochs = train.epochs if train.epochs is not None else train.steps_over(rows) * train.batch_rows / rows
    eval_every = max(1, round(train.eval_every * share))
    warmup = train.schedule.warmup_steps
    schedule = train.schedule.model_copy(
        update={"warmup_steps": None if warmup is None else int(warmup * share)}
    )
    best = Keep(best=True) if train.keep is not None and train.keep.best else None
    config = train.model_copy(
        update={
            "steps": None, "epochs": epochs, "eval_every": eval_every, "schedule": schedule, "keep": best,
            "trackers": (),
        }
    )  # fmt: skip
    steps = max(1, -int(-epochs * part // train.batch_rows))
    left_out = [
        name
        for name, check in (
            ("early_stopping", lambda each: check_stopping(each, eval_every=eval_every, steps=steps)),
            ("keep", lambda each: check_keep(each, eval_every=eval_every, steps=steps)),
            ("skip_outliers", lambda each: check_outliers(each, steps)),
            ("average", lambda each: check_average(each, steps)),
        )
        if getattr(config, name) is not None and _refuses(check, getattr(config, name))
    ]
    return config.model_copy(update=dict.fromkeys(left_out))


def _refuses(check: Callable[[Any], None], setting: object) -> bool:
    try:
        check(setting)
    except ValueError:
        return True
    return False
