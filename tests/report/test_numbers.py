"""How numbers are written."""

from __future__ import annotations

import math

import pytest

from ontogeny.report import numbers


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.count(1234567), "1,234,567"),
        (numbers.count(-3), "−3"),
        (numbers.compact(1234567), "1.23M"),
        (numbers.compact(0.25), "0.25"),
        (numbers.compact(5.325, 6), "5.325"),
        (numbers.measure(2.04712), "2.047"),
        (numbers.measure(-0.5, 1), "−0.5"),
        (numbers.measure(-0.0001), "0.000"),
        (numbers.measure(None), "–"),
        (numbers.measure(math.nan), "–"),
        (numbers.signed(0.134), "+0.134"),
        (numbers.signed(-0.134), "−0.134"),
        (numbers.signed(None), "–"),
        (numbers.percent(0.6123), "61.2%"),
        (numbers.percent(None), "–"),
        (numbers.interval((1.9, 2.1)), "[1.900, 2.100]"),
        (numbers.interval(None), "–"),
        (numbers.p_value(0.00001), "< 0.0001"),
        (numbers.p_value(0.0042), "0.0042"),
        (numbers.p_value(0.123456), "0.123"),
        (numbers.p_value(None), "–"),
        (numbers.seconds(0.4217), "0.42 s"),
        (numbers.seconds(12.34), "12.3 s"),
        (numbers.seconds(245.2), "4 min 05 s"),
        (numbers.seconds(7_380), "2 h 03 min"),
        (numbers.size(512), "512 B"),
        (numbers.size(2_213_000), "2.21 MB"),
        (numbers.size(3e12), "3 TB"),
    ],
)
def test_a_number_has_one_spelling(written: str, expected: str) -> None:
    assert written == expected
