"""What a recipe says about repeated passages."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RepeatedSpans(BaseModel):
    """Of passages of at least `min_words` words that stand in the corpus more than once, the first copy stays.

    Documents that rules and duplicate removal left are looked at, those held out first, and then in the order of
    digests: a passage that stands on both sides is cut from what is trained on, and what is trained on cuts nothing
    from what is measured.

    A document that loses something and has fewer than `min_words_left` words left is dropped (50: datatrove v0.10,
    `ESRangeRemover`). 50 words are the 50 tokens of Lee et al. 2022, section 4.1.

    A source of at least `min_source_documents` documents that loses more than `max_source_loss` of its bytes is an
    alarm, which stops the step; `on_alarm: report` goes on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_words: int = Field(50, ge=10)
    min_words_left: int = Field(50, ge=1)
    max_source_loss: float | None = Field(0.5, gt=0, lt=1)
    min_source_documents: int = Field(20, ge=1)
    on_alarm: Literal["stop", "report"] = "stop"
