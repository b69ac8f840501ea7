"""A straight axis of a chart that is drawn by hand: where values lie, and the round ones that are named."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

TICKS = 6
TICK_DIGITS = 6  # ticks are round numbers: this only hides the noise of floats
ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """Where values from `low` to `high` lie between the pixels `left` and `right`."""

    low: float
    high: float
    left: float
    right: float

    @classmethod
    def over(cls, values: Iterable[float], *, left: float, right: float) -> Axis:
        """From the least to the largest of the values that are finite."""
        finite = [value for value in values if math.isfinite(value)] or [0.0]
        low, high = min(finite), max(finite)
        return cls(low, high if high > low else low + 1.0, left, right)

    def at(self, value: float) -> float:
        """The pixel of a value; what is not finite lies at zero."""
        value = value if math.isfinite(value) else 0.0
        return self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)

    def ticks(self, scale: float = 1.0) -> list[float]:
        """Round multiples of one step, in `scale` times the values."""
        low, high = scale * self.low, scale * self.high
        rough = (high - low) / TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(each for each in ROUND if each * power >= rough * (1 - 1e-9))
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        return [step * number for number in range(first, last + 1)]
