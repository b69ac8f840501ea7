"""What an extractor gives, and why a page gives nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Mode: TypeAlias = Literal["fast", "quality", "union"]
"""How much is spent on a page: resiliparse alone, trafilatura, or several extractors of which the best is kept."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The main text of a page, which extractor found it, and its score (see `score`)."""

    text: str
    extractor: str
    score: float


class NotExtractedError(Exception):
    """A page that gives no text. `reason` is the name that its rejection is counted under."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
