"""How a model is tuned: as it is trained, but runs are often short; light to import."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ontogeny.train.config import TrainConfig
from ontogeny.train.config_optimizer import ScheduleConfig


class TuneScheduleConfig(ScheduleConfig):
    """As of `pretrain`, but for a warmup that fits short runs."""

    warmup_steps: Annotated[int, Field(ge=0)] | None = None
    """Steps over which the rate rises linearly from near zero to its peak. None: 20, at most a tenth of all steps."""


class TuneConfig(TrainConfig):
    """How to tune. Give `steps`, or `epochs` over the examples."""

    schedule: TuneScheduleConfig = TuneScheduleConfig()
    """How the rates of the optimizer go over the steps."""
