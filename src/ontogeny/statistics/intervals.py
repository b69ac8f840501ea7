"""Confidence intervals for one proportion, for one mean, and for what lies between two ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """The ends of a confidence interval."""

    low: float
    high: float


def wilson(
    successes: float, trials: float, *, degrees: float | None = None, confidence: float = CONFIDENCE
) -> Interval:
    """Interval for a proportion: Wilson's score interval (1927), sound at 0, at 1 and for few trials.

    Counts may be fractions, so that clustered data can enter with their effective number of trials; `degrees` of
    freedom of what that number was estimated from widen it by Student's t.

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials is no proportion")
    z = _quantile(degrees, confidence)
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
    half = _quantile(degrees, confidence) * error
    return Interval(estimate - half, estimate + half)


def around_share(share: float, error: float, *, groups: int, confidence: float = CONFIDENCE) -> Interval:
    """The interval of what lies between 0 and 1 and has this standard error, estimated from so many groups.

    Student's t for the logarithm of the odds, whose ends cannot lie outside (Agresti 2013, Categorical Data Analysis,
    section 3.1). Where all groups agree, which few always may, there is no error to go by: Wilson's interval then, with
    a trial for each group.
    """
    if error <= 0.0 or not 0.0 < share < 1.0:
        return wilson(share * groups, groups, degrees=groups - 1, confidence=confidence)
    odds = math.log(share / (1 - share))
    ends = around(odds, error / (share * (1 - share)), degrees=groups - 1, confidence=confidence)
    return Interval(*(1 / (1 + math.exp(-min(max(end, -700.0), 700.0))) for end in ends))


def around_positive(
    value: float, error: float, *, degrees: float, confidence: float = CONFIDENCE
) -> Interval:
    """The interval of what is above 0 and multiplies, as perplexity does: Student's t for its logarithm."""
    low, high = around(math.log(value), error / value, degrees=degrees, confidence=confidence)
    return Interval(math.exp(low), math.exp(min(high, 700.0)))


def _quantile(degrees: float | None, confidence: float) -> float:
    """Half-width, in standard errors: of Student's t with `degrees` of freedom, else normal."""
    if degrees is None:
        return normal_quantile(confidence)
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))


def normal_quantile(confidence: float) -> float:
    """Half-width, in standard errors, of a two-sided normal interval: 1.96 for 0.95."""
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2))
