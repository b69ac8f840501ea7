"""The error of a mean over several trainings of one recipe, which saw the same items: items and seeds both make noise.

The two kinds of noise cross, so their variances add, less the part that both hold (Cameron, Gelbach and Miller 2011,
doi 10.1198/jbes.2010.07136). Few trainings say little about the noise between them, which Satterthwaite's (1946)
degrees of freedom pay for only in part: where seeds make most of the noise, 95% intervals hold the truth in 88% of
cases with 2 trainings, in 92% with 3, and in 94% and more from 5 on (tests/statistics/test_seeds.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

LEAST_SEEDS = 2  # below this there is no spread between trainings to estimate


class TwoWay(NamedTuple):
    """A standard error and its degrees of freedom."""

    error: float
    degrees: float


def spread_of_seeds(values: Sequence[float]) -> float | None:
    """The standard deviation between the values of several trainings; None for a single one."""
    if len(values) < LEAST_SEEDS:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def two_way_error(item_noise: Floats, sides: Sequence[Sequence[float]], groups: int) -> TwoWay:
    """The error of the mean of one side's values, or of the mean of the first less that of the second.

    `item_noise` (S, S) is the covariance that the choice of items gives the S values of all sides, in their order;
    `groups` is how many groups of items it was estimated from. A side with a single training adds no noise of seeds:
    nothing is known of it.
    """
    import numpy as np

    weights: list[float] = []
    seeds, shared, estimated = 0.0, 0.0, 0.0
    for sign, values in zip((1.0, -1.0), sides, strict=False):
        count, start = len(values), len(weights)
        weights += [sign / count] * count
        between = spread_of_seeds(values)
        if between is None:
            continue
        own = item_noise[start : start + count, start : start + count]
        variance = between**2 / count
        seeds += variance
        shared += (float(np.trace(own)) / count - float(own.mean())) / (count - 1)
        estimated += variance**2 / (count - 1)
    items = max(0.0, float(np.array(weights) @ item_noise @ np.array(weights)))
    total = items + max(0.0, seeds - shared)
    estimated += items**2 / (groups - 1)
    return TwoWay(math.sqrt(total), total**2 / estimated if estimated > 0 else float(groups - 1))


def t_test(difference: float, error: TwoWay) -> float:
    """Two-sided p-value of "there is no difference"."""
    from scipy.special import stdtr

    if error.error == 0.0:
        return 1.0 if difference == 0.0 else 0.0
    return 2 * float(stdtr(error.degrees, -abs(difference) / error.error))
