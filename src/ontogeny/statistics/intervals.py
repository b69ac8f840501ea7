"""Confidence intervals for one proportion and for one mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """The ends of a confidence interval."""

    low: float
    high: float


def wilson(successes: float, trials: float, *, confidence: float = CONFIDENCE) -> Interval:
    """Interval for a proportion: Wilson's score interval (1927), sound at 0, at 1 and for few trials.

    Counts may be fractions, so that clustered data can enter with their effective number of trials.

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials is no proportion")
    z = normal_quantile(confidence)
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return Interval(0.0 if successes == 0 else centre - half, 1.0 if successes == trials else centre + half)


def mean_interval(values: Sequence[float], *, confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval for the mean of independent values.

    Raises:
        ValueError: fewer than two values.
    """
    from ontogeny.statistics.errors import standard_error

    mean = math.fsum(values) / max(1, len(values))
    return around(mean, standard_error(values), degrees=len(values) - 1, confidence=confidence)


def around(
    estimate: float, error: float, *, degrees: float | None = None, confidence: float = CONFIDENCE
) -> Interval:
    """The interval of an estimate with its standard error; Student's t with `degrees` of freedom, else normal."""
    if degrees is None:
        half = normal_quantile(confidence) * error
    else:
        from scipy.special import stdtrit

        half = float(stdtrit(degrees, (1 + confidence) / 2)) * error
    return Interval(estimate - half, estimate + half)


def normal_quantile(confidence: float) -> float:
    """Half-width, in standard errors, of a two-sided normal interval: 1.96 for 0.95."""
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2))
