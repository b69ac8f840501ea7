"""Errors and tests of statistics that are computed from sums over items: perplexity, F1, MCC, BLEU.

A row of numbers for each group is all that is needed: groups are drawn anew (bootstrap), or swapped between two models
(approximate randomisation; Noreen 1989, used for such scores since Riezler and Maxwell 2005), and the statistic of the
new sum is computed, for all draws in one call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ontogeny.core.seeds import numpy_generator
from ontogeny.statistics.paired import RESAMPLES, RESAMPLES_AT_ONCE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]
    Statistic: TypeAlias = Callable[[Floats], Floats]


def summed_by_group(rows: Sequence[Sequence[float]], groups: Sequence[Hashable]) -> Floats:
    """(G, K) sums of each group's rows, in the order in which the groups first appear."""
    import numpy as np

    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    sums = np.zeros((len(places), len(rows[0])))
    np.add.at(sums, [places[group] for group in groups], np.array(rows, dtype=np.float64))
    return sums


def bootstrap_statistic(
    sums: Floats, statistic: Statistic, *, seed: int, resamples: int = RESAMPLES
) -> Floats:
    """(R,) values of the statistic when as many groups are drawn, with replacement, from `sums` (G, K).

    Of several models on the same groups (M, G, K) it is (R, M): all see the same draws.
    """
    import numpy as np

    generator = numpy_generator(seed, "bootstrap")
    count = sums.shape[-2]
    values = []
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        drawn = generator.integers(0, count, (min(RESAMPLES_AT_ONCE, resamples - start), count))
        times = np.zeros((len(drawn), count))
        np.add.at(times, (np.arange(len(drawn))[:, None], drawn), 1.0)
        values.append(statistic(np.moveaxis(times @ sums, -2, 0)))
    return np.concatenate(values)


def resampled_error(values: Floats, groups: int) -> float:
    """Standard error from resampled values, as many groups drawn as there are; those that are not numbers are left out.

    A sample drawn from few groups varies too little by G/(G-1), as it does where the error has a formula.
    """
    import numpy as np

    there = values[np.isfinite(values)]
    return float(there.std()) * math.sqrt(groups / (groups - 1)) if len(there) else 0.0


def swap_test(a: Floats, b: Floats, statistic: Statistic, *, seed: int, resamples: int = RESAMPLES) -> float:
    """Two-sided p-value of "which model a group's row (G, K) came from makes no difference".

    The observed difference is counted with the drawn ones, so that p is never 0 (Phipson and Smyth 2010).
    """
    import numpy as np

    def difference(first: Floats, second: Floats) -> Floats:
        return np.abs(statistic(first) - statistic(second))

    total, change = a.sum(0) + b.sum(0), a - b
    observed = float(difference(a.sum(0), b.sum(0))) * (
        1 - 1e-12
    )  # a tie counts whatever the order of summation
    generator = numpy_generator(seed, "swaps")
    extreme = 0
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        signs = generator.choice((-1.0, 1.0), (min(RESAMPLES_AT_ONCE, resamples - start), len(a)))
        half = signs @ change / 2
        extreme += int(np.count_nonzero(difference(total / 2 + half, total / 2 - half) >= observed))
    return (extreme + 1) / (resamples + 1)
