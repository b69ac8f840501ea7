"""The length rule: bounds, reasons, and settings that cannot be meant."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ontogeny.data.rules.length import Length, judge_length
from ontogeny.data.signals.size import measure
from ontogeny.data.texts import Texts


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
    judgement = judge_length(Length(type="length", **bounds), measure(Texts.of(["für", ""][:1])))
    number = int(judgement.code[0]) - 1
    assert judgement.reasons[number] == reason
    assert judgement.score.tolist() == [score]
    assert detail == f"{score} {judgement.says[number]}"


def test_the_bounds_themselves_are_kept() -> None:
    rule = Length(type="length", min_chars=3, max_chars=3, min_bytes=4, max_bytes=4)
    assert judge_length(rule, measure(Texts.of(["für", "abcd", "ab"]))).code.tolist() == [0, 2, 1]


def test_settings_without_effect_or_without_anything_left_are_refused() -> None:
    with pytest.raises(ValidationError, match="would drop nothing"):
        Length(type="length")
    with pytest.raises(ValidationError, match="min_chars 5 is above max_chars 4"):
        Length(type="length", min_chars=5, max_chars=4)
