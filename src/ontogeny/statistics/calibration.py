"""Whether probabilities mean what they say: bins of a reliability diagram and the expected calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 15
"""Of equal width, as Guo et al. 2017 (arXiv:1706.04599, section 4) use for the expected calibration error."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """Examples whose probability fell between two bounds: how many, their mean probability, the share that was so."""

    count: int
    probability: float
    wanted: float


def reliability(chance: Floats, wanted: npt.NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Probability (n,) against whether it was so (n,) in BINS equal bins, those that are empty left out."""
    place = np.minimum((chance * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    total, hits = np.bincount(place, chance, BINS), np.bincount(place, wanted.astype(np.float64), BINS)
    return tuple(
        Bin(int(count[k]), float(total[k] / count[k]), float(hits[k] / count[k]))
        for k in range(BINS)
        if count[k]
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error: |probability - frequency|, weighted by how many examples a bin has."""
    examples = sum(each.count for each in bins)
    return sum(each.count * abs(each.probability - each.wanted) for each in bins) / max(examples, 1)
