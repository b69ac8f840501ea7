"""Several trainings of one recipe as one contestant: the mean over seeds, with the noise of items and of seeds.

    side = Side((a, b, c))                    side.name == "recipe/tutor@1,2,3"
    measured(task, side.name, metrics, label="acc")      one metric for each training -> Result
    compared(task, metrics_a, metrics_b, ...)            -> Comparison

A side of a single model is what `uncertainty.result` and `uncertainty.compare` make of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ontogeny.evaluate.scores import Comparison, Floats, Metric, Result, common
from ontogeny.evaluate.subject import Subject
from ontogeny.evaluate.uncertainty import compare, result
from ontogeny.statistics.errors import LEAST_GROUPS
from ontogeny.statistics.intervals import CONFIDENCE, around
from ontogeny.statistics.paired import minimum_detectable_effect
from ontogeny.statistics.seeds import spread_of_seeds, t_test, two_way_error
from ontogeny.statistics.summed import bootstrap_statistic, summed_by_group
from ontogeny.tasks.metrics import STATISTICS

RESAMPLING_SEED = 0


@dataclass(frozen=True)
class Side:
    """A model, or several trainings of one recipe that differ in their seeds."""

    members: tuple[Subject, ...]

    @classmethod
    def of(cls, given: Subject | Sequence[Subject]) -> Side:
        """The side of one model or of several."""
        return cls((given,) if isinstance(given, Subject) else tuple(given))

    @property
    def name(self) -> str:
        """The model's name; of several `recipe/step@1,2,3`, or all names where they differ in more."""
        names = [member.name for member in self.members]
        steps = {name.partition("@")[0] for name in names}
        if len(names) == 1 or len(steps) > 1:
            return " + ".join(names)
        return f"{steps.pop()}@{','.join(name.partition('@')[2] for name in names)}"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the trainings."""
        return tuple(member.name for member in self.members)


def measured(
    task: str, name: str, metrics: Sequence[Metric], *, label: str, confidence: float = CONFIDENCE
) -> Result:
    """The mean of one metric over the trainings of a side, on the items that all of them have."""
    if len(metrics) == 1:
        return result(task, name, metrics[0], label=label, confidence=confidence)
    shared = common(metrics)
    values = [metric.value for metric in shared]
    mean, groups = float(np.mean(values)), len(set(shared[0].groups))
    stderr, bounds = None, None
    if groups >= LEAST_GROUPS:
        error = two_way_error(item_noise(shared), [values], groups)
        stderr = error.error
        bounds = around(mean, error.error, degrees=error.degrees, confidence=confidence)
    return Result(
        task=task, metric=label, model=name, form=shared[0].form, value=mean, stderr=stderr, ci95=bounds,
        n=len(shared[0].items), groups=groups, seeds=len(metrics), between=spread_of_seeds(values),
    )  # fmt: skip


def compared(
    task: str,
    metrics_a: Sequence[Metric],
    metrics_b: Sequence[Metric],
    *,
    model_a: str,
    model_b: str,
    label: str,
    seed: int,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Two sides on the items that all trainings have; paired by items, not by seeds.

    With several trainings on a side the test is Student's t with the error of both kinds of noise; a side of one
    training adds none of seeds, so that what is found holds for that training and not for its recipe.
    """  # fmt: skip
    if len(metrics_a) == len(metrics_b) == 1:
        return compare(
            task, metrics_a[0], metrics_b[0], model_a=model_a, model_b=model_b, label=label, seed=seed,
            confidence=confidence,
        )  # fmt: skip
    shared = common([*metrics_a, *metrics_b])
    values = [metric.value for metric in shared]
    sides = [values[: len(metrics_a)], values[len(metrics_a) :]]
    a, b = (float(np.mean(side)) for side in sides)
    groups = len(set(shared[0].groups))
    error = two_way_error(item_noise(shared), sides, groups) if groups >= LEAST_GROUPS else None
    return Comparison(
        task=task, metric=label, model_a=model_a, model_b=model_b, form_a=metrics_a[0].form,
        form_b=metrics_b[0].form, a=a, b=b, difference=a - b,
        ci95=around(a - b, error.error, degrees=error.degrees, confidence=confidence) if error else None,
        p_value=t_test(a - b, error) if error else 1.0, test="seeds-t",
        detectable=minimum_detectable_effect(error.error, degrees=error.degrees) if error else None,
        n=len(shared[0].items), groups=groups,
    )  # fmt: skip


def item_noise(metrics: Sequence[Metric]) -> Floats:
    """(S, S) covariance of the metrics' values through the choice of their common items, in whole groups.

    Of ratios by linearisation, as `ratio_standard_error`; of other statistics by resampling.
    """
    if metrics[0].summands:
        sums = np.stack([metric.sums() for metric in metrics])  # (S, G, K)
        drawn = bootstrap_statistic(sums, STATISTICS[metrics[0].statistic], seed=RESAMPLING_SEED)  # (R, S)
        groups = sums.shape[1]
        covariance: Floats = groups / (groups - 1) * np.cov(drawn[np.isfinite(drawn).all(1)], rowvar=False)
        return covariance
    residuals = []
    for metric in metrics:
        tops, bottoms = np.array(metric.tops), np.array(metric.bottoms)
        parts = (tops - metric.value * bottoms) / bottoms.sum()
        residuals.append(summed_by_group(parts[:, None], metric.groups)[:, 0])
    stacked = np.stack(residuals)  # (S, G)
    groups = stacked.shape[1]
    clustered: Floats = groups / (groups - 1) * stacked @ stacked.T
    return clustered
