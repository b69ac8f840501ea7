"""A grid over a recipe: every combination of some values run as a recipe of its own, and which did best.

    --grid steps.base.train.optimizer.lr=1e-3,3e-3 --grid seed=1,2        four runs

Values are those of a YAML list without its brackets, so that a list can be a value: `betas=[0.9, 0.95],[0.9, 0.99]`.
What combinations have in common is computed once and reused.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ontogeny.core.errors import UsageError
from ontogeny.recipe.run import RunResult

LOWER_IS_BETTER = ("held_out_bits_per_byte", "held_out_loss", "bits_per_byte")
HIGHER_IS_BETTER = ("accuracy",)


@dataclass(frozen=True)
class Axis:
    """A path of the recipe and the values it takes."""

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Tried:
    """One combination, by path, and what became of it."""

    values: dict[str, Any]
    result: RunResult


@dataclass(frozen=True)
class Ranking:
    """The runs, the best first; those without the metric stand at the end. `step` and `metric` are None without one."""

    runs: list[Tried]
    step: str | None
    metric: str | None

    def value(self, tried: Tried) -> float | None:
        """The metric of a run."""
        return _metric(tried.result, self.step, self.metric) if self.step and self.metric else None

    def artifact(self, tried: Tried) -> str | None:
        """What the metric was measured in."""
        found = (one.artifact for one in tried.result.steps if one.name == self.step and one.artifact)
        return next((artifact.name for artifact in found), None)


def read_axes(texts: Sequence[str]) -> list[Axis]:
    """The axes that `path=a,b,c` texts mean.

    Raises:
        UsageError: not of that form, a value or a path given twice.
    """
    axes: list[Axis] = []
    for text in texts:
        path, equals, listed = text.partition("=")
        try:
            values = yaml.safe_load(f"[{listed}]") if equals and path else None
        except (yaml.YAMLError, ValueError) as error:
            raise UsageError(
                f"{listed!r} are not values",
                where=f"--grid {path}",
                hint="for example 1e-3,3e-3 or [0.9, 0.95],[0.9, 0.99]",
            ) from error
        if not values:
            raise UsageError(
                f"{text!r} is not of the form a.b.c=v,w",
                where="--grid",
                hint="for example --grid steps.base.train.optimizer.lr=1e-3,3e-3",
            )
        if any(value in values[:place] for place, value in enumerate(values)):
            raise UsageError("a value is given twice", where=f"--grid {text}", hint="leave one of them out")
        if path in [axis.path for axis in axes]:
            raise UsageError(
                "the path is given twice", where=f"--grid {path}", hint="put all values into one"
            )
        axes.append(Axis(path, tuple(values)))
    return axes


def combinations(axes: Sequence[Axis]) -> list[dict[str, Any]]:
    """Every combination by path, the last axis changing fastest."""
    paths = [axis.path for axis in axes]
    return [
        dict(zip(paths, chosen, strict=True)) for chosen in itertools.product(*(axis.values for axis in axes))
    ]


def overrides_of(values: dict[str, Any]) -> list[str]:
    """A combination as `a.b.c=value` texts; JSON is YAML."""
    return [f"{path}={json.dumps(value, default=str)}" for path, value in values.items()]


def rank(runs: Sequence[Tried]) -> Ranking:
    """Sort by the held-out metric of the last step that has one in any run; it is told by name."""
    step, metric = _what_to_compare(runs)
    if step is None or metric is None:
        return Ranking(list(runs), None, None)

    def key(tried: Tried) -> tuple[bool, float]:
        value = _metric(tried.result, step, metric)
        sign = -1.0 if metric in HIGHER_IS_BETTER else 1.0
        return value is None, 0.0 if value is None else sign * value

    return Ranking(sorted(runs, key=key), step, metric)


def _what_to_compare(runs: Sequence[Tried]) -> tuple[str | None, str | None]:
    """The first of the metrics that any step has; of the steps that have it, the last one whose artifact varies."""
    names = [one.name for one in runs[0].result.steps] if runs else []
    for metric in (*LOWER_IS_BETTER, *HIGHER_IS_BETTER):
        for step in reversed(names):
            made = [
                one.artifact.digest
                for tried in runs
                for one in tried.result.steps
                if one.name == step and one.artifact is not None
            ]
            varies = len(runs) == 1 or len(set(made)) > 1 or len(made) == 1
            if varies and any(_metric(tried.result, step, metric) is not None for tried in runs):
                return step, metric
    return None, None


def _metric(result: RunResult, step: str, metric: str) -> float | None:
    for one in result.steps:
        if one.name == step and one.artifact is not None:
            value = one.artifact.manifest.metrics.get(metric)
            return float(value) if isinstance(value, (int, float)) else None
    return None
