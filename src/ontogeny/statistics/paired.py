"""Tests of two models on the same items, and what difference such a test can find.

Pairing takes the difficulty of the items out of the comparison; comparing two separate intervals would
throw it away. McNemar's test is for independent right-or-wrong items. `sign_flip_test` is for anything that
comes in groups: under the hypothesis that the models are alike, each group's difference may as well have had
the other sign. With right-or-wrong items, each a group of its own, it is McNemar's exact test.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from ontogeny.core.seeds import numpy_generator
from ontogeny.statistics.errors import group_sums
from ontogeny.statistics.intervals import CONFIDENCE, Interval, normal_quantile

RESAMPLES = 10_000
RESAMPLES_AT_ONCE = 1_000  # bounds the memory of one batch to this many times the number of groups
EXACT_GROUPS = 12  # up to 2**12 sign patterns are enumerated instead of drawn
SIGNIFICANCE = 0.05
LEAST_DISCORDANT = 5  # items: with four, all on one side, McNemar's mid-p is 1/16
POWER = 0.8  # Cohen's (1988) customary chance of finding a true difference


class McNemar(NamedTuple):
    """Two-sided p-values: `exact` is conservative, `mid_p` is close to its nominal level."""

    exact: float
    mid_p: float


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """McNemar's test from the items that only model a, and only model b, got right.

    The mid-p variant is what Fagerland, Lydersen and Laake (2013, doi 10.1186/1471-2288-13-91) recommend.
    Without any discordant item both p-values are 1.
    """
    from scipy.stats import binom

    discordant = only_a + only_b
    if discordant == 0:
        return McNemar(1.0, 1.0)
    fewer = min(only_a, only_b)
    exact = min(1.0, 2 * float(binom.cdf(fewer, discordant, 0.5)))
    observed = float(binom.pmf(fewer, discordant, 0.5))
    # Only half of what is as extreme as the observed counts: both tails hold it, but a middle is there once.
    return McNemar(exact, 1.0 - observed / 2 if only_a == only_b else exact - observed)


def bootstrap_ratio(
    numerators: Sequence[float],
    denominators: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Percentile bootstrap interval of sum(numerators) / sum(denominators), drawing whole groups.

    With the differences of two models as numerators it is the interval of a paired difference; with ones as
    denominators, of a mean.

    Raises:
        ValueError: fewer than two groups.
    """
    import numpy as np

    tops = np.array(group_sums(numerators, groups))
    bottoms = np.array(group_sums(denominators, groups))
    if len(tops) < 2:
        raise ValueError("a bootstrap needs at least two groups")
    generator = numpy_generator(seed, "bootstrap")
    ratios = []
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        shape = (min(RESAMPLES_AT_ONCE, resamples - start), len(tops))
        drawn = generator.integers(0, len(tops), shape)
        ratios.append(tops[drawn].sum(axis=1) / bottoms[drawn].sum(axis=1))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(ratios), [tail, 1 - tail])
    return Interval(float(low), float(high))


def paired_proportions(only_a: int, only_b: int, n: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the difference of two shares on the same n independent items: Bonett and Price's adjusted Wald.

    Unlike the bootstrap it keeps its width where the models hardly ever differ: that none of 5 items was lost does not
    show that none would be (doi 10.3102/1076998611411915).
    """
    share_a, share_b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    difference = share_a - share_b
    half = normal_quantile(confidence) * math.sqrt((share_a + share_b - difference**2) / (n + 2))
    return Interval(max(-1.0, difference - half), min(1.0, difference + half))


def sign_flip_test(
    differences: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> float:
    """Two-sided p-value of "the differences of a and b are as likely with the other sign", group by group.

    Every sign pattern is counted where there are few groups; else `resamples` are drawn, and the observed
    one is counted with them, so that p is never 0 (Phipson and Smyth 2010, arXiv 1603.05766).
    """
    import numpy as np

    sums = np.array([value for value in group_sums(differences, groups) if value != 0.0])
    if len(sums) == 0:
        return 1.0
    # A tie must count as a tie whatever the order of summation was.
    observed = abs(float(sums.sum())) * (1 - 1e-12)
    if len(sums) <= EXACT_GROUPS:
        patterns = np.array(list(itertools.product((-1.0, 1.0), repeat=len(sums))))
        return float(np.mean(np.abs(patterns @ sums) >= observed))
    generator = numpy_generator(seed, "sign flips")
    extreme = 0
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        signs = generator.choice((-1.0, 1.0), (min(RESAMPLES_AT_ONCE, resamples - start), len(sums)))
        extreme += int(np.count_nonzero(np.abs(signs @ sums) >= observed))
    return (extreme + 1) / (resamples + 1)


def minimum_detectable_effect(
    error: float, *, degrees: float | None = None, significance: float = SIGNIFICANCE, power: float = POWER
) -> float:
    """The least true difference that a two-sided test finds with chance `power`, given its standard error.

    `degrees` of freedom are those of a test by Student's t; without them it is normal.
    """
    from scipy.special import ndtri, stdtrit

    if degrees is None:
        return (normal_quantile(1 - significance) + float(ndtri(power))) * error
    return float(stdtrit(degrees, 1 - significance / 2) + stdtrit(degrees, power)) * error


def proportion_above(successes: float, trials: float, reference: float) -> float:
    """One-sided p-value of "not above `reference`" for a proportion: exact, from the binomial distribution.

    Clustered data enter with their effective number of trials; both counts are rounded against the proportion.
    """
    from scipy.stats import binom

    tried = max(1, math.floor(trials + 1e-9))
    reached = math.floor(successes / trials * tried + 1e-9)
    return float(binom.sf(reached - 1, tried, reference))


def mean_above(estimate: float, reference: float, error: float, *, degrees: float) -> float:
    """One-sided p-value of "not above `reference`" by Student's t; 1 without any spread, which tells nothing."""
    from scipy.special import stdtr

    return float(stdtr(degrees, (reference - estimate) / error)) if error > 0.0 else 1.0
