"""Drops documents that are too short to say anything, or too long to be one document.

It sees the text as it is where the rule stands in the recipe, and has no published bounds: whoever names it names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ontogeny.data.rules.judgement import Bound, Judgement, first_missed

if TYPE_CHECKING:
    from ontogeny.data.signals.group import Columns

TOO_SHORT = "too_short"
TOO_LONG = "too_long"


class Length(BaseModel):
    """Bounds on a document's length, both ends allowed; None for no bound. Bytes are those of UTF-8."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[tuple[str, ...]] = ("size",)
    bounds: ClassVar[tuple[str, ...]] = ("min_chars", "max_chars", "min_bytes", "max_bytes")

    type: Literal["length"]
    min_chars: int | None = Field(None, ge=1)
    """Fewest characters; a document with fewer goes as `too_short`."""
    max_chars: int | None = Field(None, ge=1)
    """Most characters; a document with more goes as `too_long`."""
    min_bytes: int | None = Field(None, ge=1)
    """Fewest bytes; a document with fewer goes as `too_short`."""
    max_bytes: int | None = Field(None, ge=1)
    """Most bytes; a document with more goes as `too_long`."""

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> Length:
        bounds = (self.min_chars, self.max_chars, self.min_bytes, self.max_bytes)
        if all(bound is None for bound in bounds):
            raise ValueError(
                "the length rule has no bound and would drop nothing: give min_chars, max_chars, min_bytes or max_bytes"
            )
        for unit, low, high in (("chars", *bounds[:2]), ("bytes", *bounds[2:])):
            if low is not None and high is not None and low > high:
                raise ValueError(
                    f"min_{unit} {low} is above max_{unit} {high}: every document would be dropped"
                )
        return self


def judge_length(rule: Length, columns: Columns) -> Judgement:
    """`too_short` or `too_long` with the length that missed its bound."""
    bounds = []
    for unit, low, high in (
        ("chars", rule.min_chars, rule.max_chars),
        ("bytes", rule.min_bytes, rule.max_bytes),
    ):
        length = columns[unit]
        if low is not None:
            bounds.append(Bound(TOO_SHORT, f"{unit}, fewer than min_{unit} {low:,}", length, length < low))
        if high is not None:
            bounds.append(Bound(TOO_LONG, f"{unit}, more than max_{unit} {high:,}", length, length > high))
    return first_missed(len(columns["chars"]), bounds)
