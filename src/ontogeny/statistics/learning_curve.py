"""What more data would give: a power law with an offset through accuracies or losses at several sizes of the data.

    accuracy(n) = a - b * n ** -c,  b >= 0,  a <= 1
    loss(n)     = a + b * n ** -c,  b >= 0,  a >= 0

(Hestness et al. 2017, arXiv 1712.00409, section 2). Three sizes determine three unknowns, and an accuracy on a few
hundred test examples is uncertain by points, so a single curve would promise too much. The bounds are those of many
curves, each through accuracies drawn as the test examples might have fallen, or through losses of examples drawn with
replacement, the same ones at every size. They hold the noise of the test part, not
that of training (another seed gives another accuracy), and not the chance that more data is of another kind.
"""

from __future__ import annotations

import math
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
DRAWS_AT_ONCE = 100  # bounds the memory of one batch to this many times the number of examples
SHOWN = 40  # points of a drawn curve
JEFFREYS = 0.5  # the prior of a proportion, in right and in wrong answers

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A model that learnt from `examples` and got `right` of `tested` test examples right."""

    examples: int
    right: int
    tested: int


@dataclass(frozen=True)
class MeasuredLoss:
    """A model that learnt from `examples`, and the loss of each held-out example, summed over its `tokens`."""

    examples: int
    losses: tuple[float, ...]
    tokens: tuple[int, ...]

    @property
    def loss(self) -> float:
        """Mean over all tokens."""
        return math.fsum(self.losses) / sum(self.tokens)


@dataclass(frozen=True)
class LossGrowth:
    """What `factor` times the data would make of the loss at the largest size.

    Attributes:
        measured: (examples, loss), the largest size last.
        factor: times the data.
        change: of the loss, as a share of it; negative is better.
        interval: its 95% bounds.
        curve: sizes and the losses that the fitted curve has there, the extrapolated one last.
    """

    measured: tuple[tuple[int, float], ...]
    factor: float
    change: float
    interval: Interval
    curve: tuple[tuple[float, float], ...]

    @property
    def words(self) -> str:
        """What it says, for people."""
        low, high = (f"{100 * end:+.1f}%" for end in self.interval)
        gain = f"the held-out loss by about {100 * self.change:+.1f}%"
        return f"{_times(self.factor, self.measured[-1][0])} would change {gain}, with 95% bounds of {low} to {high}."


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
        times, gain = _times(self.factor, self.measured[-1].examples), f"{100 * self.gain:+.1f} points"
        return f"{times} would give about {gain}, with 95% bounds of {low} to {high}."


def extrapolate(measured: Sequence[Measured], *, seed: int, factor: float = 2.0) -> Growth:
    """Fit the curve to accuracies at three sizes or more, and read off what `factor` times the largest would add.

    Raises:
        ValueError: fewer than three sizes, or counts that are no proportion.
    """
    measured = sorted(measured, key=lambda each: each.examples)
    sizes = _sizes([each.examples for each in measured])
    if any(not 0 <= each.right <= each.tested or not each.tested for each in measured):
        raise ValueError("a learning curve needs counts of right answers among those that were tested")
    right = np.array([each.right for each in measured], dtype=np.float64)
    wrong = np.array([each.tested for each in measured], dtype=np.float64) - right
    generator = numpy_generator(seed, "learning curve")
    drawn = generator.beta(right + JEFFREYS, wrong + JEFFREYS, (DRAWS, len(sizes)))
    curves = _fit(sizes, np.concatenate([[right / (right + wrong)], drawn]), most=1.0)
    last, more = (np.clip(curves.at(size), 0.0, 1.0) for size in (sizes[-1], factor * sizes[-1]))
    gains = more - last
    shown = np.geomspace(sizes[0], factor * sizes[-1], SHOWN)
    return Growth(
        measured=tuple(measured),
        factor=factor,
        gain=float(gains[0]),
        interval=_bounds(gains[1:]),
        curve=_points(shown, np.clip(curves.first_at(shown), 0.0, 1.0)),
    )


def extrapolate_loss(measured: Sequence[MeasuredLoss], *, seed: int, factor: float = 2.0) -> LossGrowth:
    """Fit the curve to losses at three sizes or more, and read off what `factor` times the largest would change.

    Raises:
        ValueError: fewer than three sizes, or examples that are not the same at all of them.
    """
    measured = sorted(measured, key=lambda each: each.examples)
    sizes = _sizes([each.examples for each in measured])
    tokens = np.array(measured[0].tokens, dtype=np.float64)
    if any(each.tokens != measured[0].tokens or len(each.losses) != len(each.tokens) for each in measured):
        raise ValueError("a learning curve needs the losses of the same examples at every size")
    losses = np.array([each.losses for each in measured], dtype=np.float64)  # (S, N)
    generator = numpy_generator(seed, "learning curve")
    drawn = [np.full((1, len(sizes)), losses.sum(1) / tokens.sum())]
    for _ in range(0, DRAWS, DRAWS_AT_ONCE):
        rows = generator.integers(0, len(tokens), (DRAWS_AT_ONCE, len(tokens)))
        drawn.append((losses[:, rows].sum(2) / tokens[rows].sum(1)).T)
    curves = _fit(sizes, -np.concatenate(drawn), most=0.0)
    last, more = (-curves.at(size) for size in (sizes[-1], factor * sizes[-1]))
    changes = more / last - 1
    shown = np.geomspace(sizes[0], factor * sizes[-1], SHOWN)
    return LossGrowth(
        measured=tuple((each.examples, each.loss) for each in measured),
        factor=factor,
        change=float(changes[0]),
        interval=_bounds(changes[1:]),
        curve=_points(shown, -curves.first_at(shown)),
    )


def _times(factor: float, examples: int) -> str:
    times = "Twice the data" if factor == 2 else f"{factor:g} times the data"
    return f"{times} ({factor * examples:,.0f} examples)"


def _sizes(examples: Sequence[int]) -> Floats:
    if len(set(examples)) < LEAST_SIZES:
        raise ValueError(
            f"a learning curve needs at least {LEAST_SIZES} sizes, and there are {len(set(examples))}"
        )
    return np.array(examples, dtype=np.float64)


def _bounds(changes: Floats) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(changes, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _points(sizes: Floats, values: Floats) -> tuple[tuple[float, float], ...]:
    return tuple(zip(sizes.tolist(), values.tolist(), strict=True))


@dataclass(frozen=True)
class _Curves:
    """R of them, values a - b * n ** -c: a, b and c (R,)."""

    a: Floats
    b: Floats
    c: Floats

    def at(self, size: float) -> Floats:
        """(R,) values."""
        values: Floats = self.a - self.b * size**-self.c
        return values

    def first_at(self, sizes: Floats) -> Floats:
        """The values of the first one at `sizes`."""
        values: Floats = self.a[0] - self.b[0] * sizes ** -self.c[0]
        return values


def _fit(sizes: Floats, values: Floats, *, most: float) -> _Curves:
    """The curves of least squared error for each row of `values` (R, S), over the exponents tried, with a <= `most`.

    For a given exponent the curve is a line in n ** -c; where the best line breaks a bound, the best one on it counts.
    """
    found: list[tuple[Floats, Floats, Floats]] = []
    for exponent in EXPONENTS:
        x = sizes**-exponent
        spread = x - x.mean()
        b = np.maximum(-(values @ spread) / (spread @ spread), 0.0)
        a = values.mean(1) + b * x.mean()
        above = a > most
        b = np.where(above, np.maximum(((most - values) @ x) / (x @ x), 0.0), b)
        a = np.minimum(a, most)
        error = ((a[:, None] - b[:, None] * x - values) ** 2).sum(1)
        found.append((error, a, b))
    best = np.argmin([error for error, _, _ in found], axis=0)
    rows = np.arange(len(values))
    a, b = (np.array([each[which] for each in found])[best, rows] for which in (1, 2))
    return _Curves(a, b, EXPONENTS[best])
