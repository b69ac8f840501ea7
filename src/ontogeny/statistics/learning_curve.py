"""What more data would give: a power law with an offset through accuracies at several sizes of the training part.

    accuracy(n) = a - b * n ** -c,  b >= 0,  a <= 1

(Hestness et al. 2017, arXiv 1712.00409, section 2). Three sizes determine three unknowns, and an accuracy on a few
hundred test examples is uncertain by points, so a single curve would promise too much. The bounds are those of many
curves, each through accuracies drawn as the test examples might have fallen. They hold the noise of the test part, not
that of training (another seed gives another accuracy), and not the chance that more data is of another kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ontogeny.core.seeds import numpy_generator
from ontogeny.statistics.intervals import CONFIDENCE, Interval

EXPONENTS = np.geomspace(0.05, 1.0, 40)
"""Those that are tried: from below the least that Hestness et al. found (0.07) to 1, the rate of a parametric model."""

LEAST_SIZES = 3
DRAWS = 4_000  # at which the ends of an interval are stable to a tenth of a point
JEFFREYS = 0.5  # the prior of a proportion, in right and in wrong answers

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A model that learnt from `examples` and got `right` of `tested` test examples right."""

    examples: int
    right: int
    tested: int


@dataclass(frozen=True)
class Growth:
    """What `factor` times the data would add to the accuracy at the largest size.

    Attributes:
        measured: what it rests on, the largest size last.
        gain: the expected addition, a fraction.
        interval: its 95% bounds.
        curve: sizes and the accuracies that the fitted curve has there, the extrapolated one last.
    """

    measured: tuple[Measured, ...]
    factor: float
    gain: float
    interval: Interval
    curve: tuple[tuple[float, float], ...]

    @property
    def words(self) -> str:
        """What it says, for people."""
        low, high = (f"{100 * end:+.1f}" for end in self.interval)
        times = "Twice the data" if self.factor == 2 else f"{self.factor:g} times the data"
        examples = f"{self.factor * self.measured[-1].examples:,.0f} examples"
        gain = f"{100 * self.gain:+.1f} points"
        return f"{times} ({examples}) would give about {gain}, with 95% bounds of {low} to {high}."


def extrapolate(measured: Sequence[Measured], *, seed: int, factor: float = 2.0) -> Growth:
    """Fit the curve to accuracies at three sizes or more, and read off what `factor` times the largest would add.

    Raises:
        ValueError: fewer than three sizes, or counts that are no proportion.
    """
    measured = sorted(measured, key=lambda each: each.examples)
    sizes = np.array([each.examples for each in measured], dtype=np.float64)
    if len(set(sizes.tolist())) < LEAST_SIZES:
        raise ValueError(
            f"a learning curve needs at least {LEAST_SIZES} sizes, and there are {len(set(sizes))}"
        )
    if any(not 0 <= each.right <= each.tested or not each.tested for each in measured):
        raise ValueError("a learning curve needs counts of right answers among those that were tested")
    right = np.array([each.right for each in measured], dtype=np.float64)
    wrong = np.array([each.tested for each in measured], dtype=np.float64) - right
    generator = numpy_generator(seed, "learning curve")
    drawn = generator.beta(right + JEFFREYS, wrong + JEFFREYS, (DRAWS, len(sizes)))
    a, b, c = _fit(sizes, np.concatenate([[right / (right + wrong)], drawn]))
    last = sizes[-1]
    gains = np.clip(a - b * (factor * last) ** -c, 0.0, 1.0) - np.clip(a - b * last**-c, 0.0, 1.0)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(gains[1:], [tail, 1 - tail])
    shown = np.geomspace(sizes[0], factor * last, 40)
    curve = np.clip(a[0] - b[0] * shown ** -c[0], 0.0, 1.0)
    return Growth(
        measured=tuple(measured),
        factor=factor,
        gain=float(gains[0]),
        interval=Interval(float(low), float(high)),
        curve=tuple(zip(shown.tolist(), curve.tolist(), strict=True)),
    )


def _fit(sizes: Floats, accuracies: Floats) -> tuple[Floats, Floats, Floats]:
    """The a, b and c (R,) of least squared error for each row of `accuracies` (R, S), over the exponents tried.

    For a given exponent the curve is a line in n ** -c; where the best line breaks a bound, the best one on it counts.
    """
    found: list[tuple[Floats, Floats, Floats]] = []
    for exponent in EXPONENTS:
        x = sizes**-exponent
        spread = x - x.mean()
        b = np.maximum(-(accuracies @ spread) / (spread @ spread), 0.0)
        a = accuracies.mean(1) + b * x.mean()
        above = a > 1
        b = np.where(above, np.maximum(((1 - accuracies) @ x) / (x @ x), 0.0), b)
        a = np.minimum(a, 1.0)
        error = ((a[:, None] - b[:, None] * x - accuracies) ** 2).sum(1)
        found.append((error, a, b))
    best = np.argmin([error for error, _, _ in found], axis=0)
    rows = np.arange(len(accuracies))
    a, b = (np.array([each[which] for each in found])[best, rows] for which in (1, 2))
    return a, b, EXPONENTS[best]
