"""How a classifier is trained; apart from `classifier.py`, so that a recipe is read without compiled code."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Training(BaseModel):
    """How a classifier is trained; defaults chosen on the benchmark `classifier_quality`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bits: int = Field(18, ge=10, le=26)
    """2^bits buckets of four bytes."""

    chars: tuple[int, int] | None = None
    """Fewest and most bytes of n-grams within words, (3, 5) for noisy or unspaced text; None for words and pairs."""

    epochs: int = Field(5, ge=1)
    """Passes over the examples."""

    learning_rate: float = Field(0.5, gt=0)
    """AdaGrad's: how far a weight may go with one example."""

    l2: float = Field(1e-6, ge=0)
    """How strongly weights are drawn to zero."""

    held_out: float = Field(0.2, gt=0, lt=1)
    """Part of the examples not learnt from; half of it scales, half of it measures."""

    seed: int = 0
    """Another one gives another order of examples."""

    @model_validator(mode="after")
    def _chars_make_sense(self) -> Training:
        if self.chars is not None and not 1 <= self.chars[0] <= self.chars[1] <= 16:
            raise ValueError(
                f"chars {list(self.chars)}: give the fewest and the most, between 1 and 16, as in [3, 5]"
            )
        return self
