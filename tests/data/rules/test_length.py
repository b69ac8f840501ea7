"""The length rule: bounds, reasons, and settings that cannot be meant."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ontogeny.data.rules.length import Length, judge_length


@pytest.mark.parametrize(
    ("bounds", "reason", "score", "detail"),
    [
        ({"min_chars": 4}, "too_short", 3, "3 chars, fewer than min_chars 4"),
        ({"max_chars": 2}, "too_long", 3, "3 chars, more than max_chars 2"),
        ({"min_bytes": 5}, "too_short", 4, "4 bytes, fewer than min_bytes 5"),
        ({"max_bytes": 3}, "too_long", 4, "4 bytes, more than max_bytes 3"),
    ],
)
def test_each_bound_drops_with_its_reason(
    bounds: dict[str, int], reason: str, score: int, detail: str
) -> None:
    drop = judge_length("für", Length(type="length", **bounds))
    assert drop is not None
    assert (drop.reason, drop.score, drop.detail) == (reason, score, detail)


def test_the_bounds_themselves_are_kept() -> None:
    assert (
        judge_length("für", Length(type="length", min_chars=3, max_chars=3, min_bytes=4, max_bytes=4)) is None
    )


def test_settings_without_effect_or_without_anything_left_are_refused() -> None:
    with pytest.raises(ValidationError, match="would drop nothing"):
        Length(type="length")
    with pytest.raises(ValidationError, match="min_chars 5 is above max_chars 4"):
        Length(type="length", min_chars=5, max_chars=4)
