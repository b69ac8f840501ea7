"""Keeps documents by the probability that a trained classifier gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ontogeny.core.errors import RecipeError
from ontogeny.data.rules.judgement import Bound, Judgement, first_missed
from ontogeny.data.signals.classifier import quality_column
from ontogeny.lineage.step import Ref

if TYPE_CHECKING:
    from ontogeny.lineage.artifact import Artifact

KIND = "quality-classifier"
"""Of the artifacts that `train-classifier` makes."""
FILES = ("classifier.json", "classifier.safetensors")
"""What a classifier's folder holds, as `data/classifier.py` writes it; that module waits until a step runs."""
RuleT = TypeVar("RuleT")


class ClassifierRule(BaseModel):
    """A classifier, the name its column gets, and bounds on its probability, both ends allowed.

    Give `classifier` or `path`, and at least one bound. `min_score: 0` drops nothing: the score is there for what
    follows, as an expression.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    bounds: ClassVar[tuple[str, ...]] = ("min_score", "max_score")

    type: Literal["classifier"]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    """What expressions and reports call its score; documents go as `NAME_low` and `NAME_high`."""
    classifier: Annotated[str, Ref(KIND, only_decides=True)] | None = None
    """A step `train-classifier` of the recipe, or what one made (`recipe/step@2`)."""
    path: Path | None = None
    """A folder with `classifier.json` and `classifier.safetensors`, such as a step of another workspace made."""
    min_score: float | None = Field(None, ge=0, le=1)
    """Least probability of being like the examples `like`. None: any."""
    max_score: float | None = Field(None, ge=0, le=1)
    """Largest probability of that. None: any."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The signal group that `signals.classifier.classifier_signals(name, path)` makes."""
        return (quality_column(self.name),)

    @model_validator(mode="after")
    def _one_classifier(self) -> ClassifierRule:
        if (self.classifier is None) == (self.path is None):
            given = "neither" if self.path is None else "both"
            raise ValueError(
                f"the classifier rule {self.name!r} has {given} of `classifier` and `path`: name a step"
                " `train-classifier`, or give the folder of a classifier"
            )
        return self

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


def files_of_classifier(rule: ClassifierRule) -> list[Path]:
    """The files of the classifier that lies at `path`; none where a step of the recipe will make it.

    Raises:
        RecipeError: no classifier lies there.
    """
    if rule.path is None:
        return []
    files = [rule.path / name for name in FILES]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        what = f"it lacks {' and '.join(missing)}" if rule.path.is_dir() else "there is no such folder"
        raise RecipeError(
            f"the rule {rule.name!r} finds no classifier: {what}",
            where=str(rule.path),
            hint="`path` is a folder that `ontogeny.data.classifier` saved; what a step made is named"
            " `classifier: STEP`, or `classifier: recipe/step`",
        )
    return files


def with_classifiers(rules: Sequence[RuleT], inputs: Mapping[str, Artifact]) -> tuple[RuleT, ...]:
    """`rules` with the folder of each classifier that they name; `inputs` are those of the step, by role."""
    return tuple(
        rule.model_copy(update={"classifier": None, "path": inputs[f"rules.{position}.classifier"].path})
        if isinstance(rule, ClassifierRule) and rule.classifier is not None
        else rule
        for position, rule in enumerate(rules)
    )


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
