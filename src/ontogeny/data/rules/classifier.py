"""Keeps documents by the probability that a trained classifier gives them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ontogeny.data.rules.judgement import Bound, Judgement, first_missed
from ontogeny.data.signals.classifier import quality_column


class ClassifierRule(BaseModel):
    """A classifier's folder, the name its column gets, and bounds on its probability, both ends allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bounds: ClassVar[tuple[str, ...]] = ("min_score", "max_score")

    type: Literal["classifier"]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    path: Path
    min_score: float | None = Field(None, ge=0, le=1)
    max_score: float | None = Field(None, ge=0, le=1)

    @property
    def needs(self) -> tuple[str, ...]:
        """The signal group that `signals.classifier.classifier_signals(name, path)` makes."""
        return (quality_column(self.name),)

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> ClassifierRule:
        if self.min_score is None and self.max_score is None:
            raise ValueError(
                "the classifier rule has no bound and would drop nothing: give min_score or max_score"
            )
        if self.min_score is not None and self.max_score is not None and self.min_score > self.max_score:
            raise ValueError(
                f"min_score {self.min_score:g} is above max_score {self.max_score:g}: every document would be dropped"
            )
        return self


def judge_classifier(rule: ClassifierRule, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """`<name>_low` or `<name>_high`, with the probability as the score."""
    (column,) = rule.needs
    kept, score = columns[column], columns[column].astype(np.float64)
    bounds = []
    if rule.min_score is not None:
        says = f"{column}, below min_score {rule.min_score:g}"
        bounds.append(Bound(f"{rule.name}_low", says, score, kept < np.float32(rule.min_score)))
    if rule.max_score is not None:
        says = f"{column}, above max_score {rule.max_score:g}"
        bounds.append(Bound(f"{rule.name}_high", says, score, kept > np.float32(rule.max_score)))
    return first_missed(len(kept), bounds)
