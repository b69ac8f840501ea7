"""Drops lists, menus and repeated lines: FineWeb's own rules.

Penedo et al., arXiv:2406.17557, section 3.6; counted in the way of datatrove 0.10 (`fineweb_quality_filter`), in its
order. It sees the text as it is where the rule stands: in the published chain after C4's edit of lines, and so what
that leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from ontogeny.data.rules.judgement import Bound, Judgement, first_missed

if TYPE_CHECKING:
    import numpy.typing as npt

EMPTY, TERMINAL_LINES, SHORT_LINES = "fineweb_empty", "fineweb_terminal_lines", "fineweb_short_lines"
DUPLICATE_CHARS, LIST = "fineweb_duplicate_chars", "fineweb_list"


class FineWeb(BaseModel):
    """Bounds, both ends allowed; None for no bound. The defaults are those of FineWeb
    (Penedo et al., arXiv:2406.17557, section 3.6).

    `min_terminal_lines`: share of lines that end in a sentence's last sign. `max_short_lines`: share of lines of at
    most 30 characters. `max_duplicate_chars`: share of the characters that stand in lines that stood before.
    `max_line_feeds_per_word` (0.3, of datatrove).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[tuple[str, ...]] = ("lines", "words")
    bounds: ClassVar[tuple[str, ...]] = (
        *("min_terminal_lines", "max_short_lines"),
        *("max_duplicate_chars", "max_line_feeds_per_word"),
    )

    type: Literal["fineweb"]
    min_terminal_lines: float | None = Field(0.12, ge=0, le=1)
    max_short_lines: float | None = Field(0.67, ge=0, le=1)
    max_duplicate_chars: float | None = Field(0.01, ge=0, le=1)
    max_line_feeds_per_word: float | None = Field(0.3, ge=0)


def judge_fineweb(rule: FineWeb, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """The reasons above; the score is the share that missed its bound."""
    import numpy as np

    filled = columns["filled_lines"]
    lines, feeds = np.maximum(filled, 1), columns["line_feeds"]
    terminal, short = columns["terminal_lines"] / lines, columns["short_lines"] / lines
    duplicate = columns["duplicate_filled_line_chars"] / np.maximum(columns["text_chars"] - feeds, 1)
    feeds_per_word = feeds / np.maximum(columns["words"], 1)
    bounds = [Bound(EMPTY, "lines with text", filled.astype(np.float64), filled == 0)]
    low = rule.min_terminal_lines
    if low is not None:
        says = f"of the lines end a sentence, below min_terminal_lines {low:g}"
        bounds.append(Bound(TERMINAL_LINES, says, terminal, terminal < low))
    for reason, says, value, high in (
        (SHORT_LINES, "of the lines are short, above max_short_lines", short, rule.max_short_lines),
        (DUPLICATE_CHARS, "of the text is repeated lines, above max_duplicate_chars", duplicate,
         rule.max_duplicate_chars),
        (LIST, "line feeds a word, above max_line_feeds_per_word", feeds_per_word, rule.max_line_feeds_per_word),
    ):  # fmt: skip
        if high is not None:
            bounds.append(Bound(reason, f"{says} {high:g}", value, value > high))
    return first_missed(len(filled), bounds)
