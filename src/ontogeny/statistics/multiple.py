"""Several tests at once: of twenty tasks one is "significant" by chance alone, unless that is reckoned with."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of a family of tests, in the order given (Holm 1979, doi 10.2307/4615733).

    To call those below 5% significant is wrong anywhere in the family at most one time in twenty, however the tests
    depend on each other. The smallest is multiplied by the number of tests, the next by one less, and so on; none is
    below one before it.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = largest
    return adjusted
