"""How reports write numbers: one spelling for counts, measures, intervals, p-values, times and sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"
ABSENT = "\N{EN DASH}"
SMALLEST_P = 1e-4
DECIMAL_STEP = 1000


def count(value: float) -> str:
    """`1234567` as `1,234,567`."""
    return _sign(f"{value:,.0f}")


def counted(value: int, noun: str) -> str:
    """`1 time`, `2 times`: for nouns that take an s."""
    return f"{count(value)} {noun}" if value == 1 else f"{count(value)} {noun}s"


def compact(value: float, digits: int = 3) -> str:
    """`1234567` as `1.23M`, for axes and cards; at most `digits` significant digits."""
    for size, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return _sign(f"{value / size:.{digits}g}{suffix}")
    return _sign(f"{value:.{digits}g}")


def measure(value: float | None, digits: int = 3) -> str:
    """A measured value with `digits` decimals; absent and undefined values as a dash."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return _sign(f"{value:,.{digits}f}")


def signed(value: float | None, digits: int = 3) -> str:
    """A difference: like `measure`, with its sign always shown."""
    text = measure(value, digits)
    return text if text[0] in (MINUS, ABSENT) else f"+{text}"


def percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction in [0, 1] as a percentage."""
    return ABSENT if fraction is None else f"{measure(100 * fraction, digits)}%"


def interval(bounds: Sequence[float] | None, digits: int = 3) -> str:
    """The two ends of an interval."""
    if bounds is None:
        return ABSENT
    low, high = bounds
    return f"[{measure(low, digits)}, {measure(high, digits)}]"


def p_value(value: float | None) -> str:
    """A p-value: three decimals, and a bound where it is smaller than anybody should quote."""
    if value is None or not math.isfinite(value):
        return ABSENT
    if value < SMALLEST_P:
        return f"< {SMALLEST_P:.4f}"
    return f"{value:.4f}" if value < 0.01 else f"{value:.3f}"


def seconds(value: float) -> str:
    """A duration: `0.42 s`, `12.3 s`, `4 min 05 s`, `2 h 03 min`."""
    if value < 1:
        return f"{value:.2f} s"
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(value: float) -> str:
    """A number of bytes in decimal units: `512 B`, `2.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < DECIMAL_STEP:
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
        value /= DECIMAL_STEP
    return f"{value:,.3g} TB"


def _sign(text: str) -> str:
    """With a real minus sign, and without the sign of a zero."""
    if text.startswith("-"):
        return text[1:] if not text.strip("-0.,") else MINUS + text[1:]
    return text
