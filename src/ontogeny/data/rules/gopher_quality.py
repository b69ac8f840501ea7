"""Drops documents that do not look like prose: the quality rules of Gopher.

Rae et al., arXiv:2112.11446, appendix A1.1; counted as datatrove 0.10 does (`gopher_quality_filter`), in its order.
It sees the text as it is where the rule stands: in the published chains before C4's edit of lines.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ontogeny.data.rules.judgement import Bound, Judgement, first_missed
from ontogeny.data.signals.special_cases import STOP_WORDS as STOP_WORDS_OF_GOPHER
from ontogeny.data.signals.special_cases import english_cases

if TYPE_CHECKING:
    import numpy.typing as npt

TOO_SHORT, TOO_LONG = "gopher_too_short", "gopher_too_long"
SHORT_WORDS, LONG_WORDS = "gopher_short_words", "gopher_long_words"
HASHES, ELLIPSES = "gopher_hash_signs", "gopher_ellipses"
BULLETS, ELLIPSIS_LINES = "gopher_bullet_lines", "gopher_ellipsis_lines"
NOT_ALPHABETIC, STOP_WORDS = "gopher_not_alphabetic", "gopher_stop_words"


class GopherQuality(BaseModel):
    """Bounds, both ends allowed; None for no bound. The defaults are those of Gopher
    (Rae et al., arXiv:2112.11446, appendix A1.1).

    `min_words`, `max_words`: words that are more than signs, and in `min_word_chars`, `max_word_chars` their mean
    length in characters. `max_symbols_per_word`: of # and, by itself, of the ellipsis, for each word.
    `max_bullet_lines`, `max_ellipsis_lines`: share of lines that begin with • or -, that end with an ellipsis.
    `min_alphabetic_words`: share of words with a letter. `min_stop_words`: how many different stop words occur, which
    are the, be, to, of, and, that, have, with, in lower case, or those of `stop_words`: for another language, words of
    its own, each as it is written in a text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[tuple[str, ...]] = ("words", "lines")
    bounds: ClassVar[tuple[str, ...]] = (
        *("min_words", "max_words", "min_word_chars", "max_word_chars"),
        *(
            "max_symbols_per_word",
            "max_bullet_lines",
            "max_ellipsis_lines",
            "min_alphabetic_words",
            "min_stop_words",
        ),
    )

    type: Literal["gopher-quality"]
    min_words: int | None = Field(50, ge=1)
    max_words: int | None = Field(100_000, ge=1)
    min_word_chars: float | None = Field(3, gt=0)
    max_word_chars: float | None = Field(10, gt=0)
    max_symbols_per_word: float | None = Field(0.1, ge=0)
    max_bullet_lines: float | None = Field(0.9, ge=0, le=1)
    max_ellipsis_lines: float | None = Field(0.3, ge=0, le=1)
    min_alphabetic_words: float | None = Field(0.8, ge=0, le=1)
    stop_words: tuple[str, ...] | None = Field(None, min_length=1)
    min_stop_words: int | None = Field(2, ge=1)

    @field_validator("stop_words")
    @classmethod
    def _single(cls, words: tuple[str, ...] | None) -> tuple[str, ...] | None:
        cut = {chunk for chunk, parts in english_cases().items() if len(parts) > 1} if words else ()
        for word in words or ():
            if not word or word in cut or any(unicodedata.category(char)[0] not in "LM" for char in word):
                raise ValueError(f"{word!r} is not one word of letters: it would never be found")
        return words

    @model_validator(mode="after")
    def _stop_words_suffice(self) -> GopherQuality:
        given = len(set(self.stop_words)) if self.stop_words else len(STOP_WORDS_OF_GOPHER)
        if self.min_stop_words is not None and self.min_stop_words > given:
            raise ValueError(
                f"min_stop_words {self.min_stop_words} is more than the {given} different stop words there are:"
                " every document would be dropped"
            )
        return self

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> GopherQuality:
        for unit in ("words", "word_chars"):
            low, high = getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")
            if low is not None and high is not None and low > high:
                raise ValueError(
                    f"min_{unit} {low:g} is above max_{unit} {high:g}: every document would be dropped"
                )
        return self


def judge_gopher_quality(rule: GopherQuality, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """The reasons above; the score is the count, mean or share that missed its bound."""
    import numpy as np

    words, lines = np.maximum(columns["words"], 1), np.maximum(columns["shown_lines"], 1)
    counted = columns["counted_words"].astype(np.float64)
    mean_chars = columns["counted_word_chars"] / np.maximum(counted, 1)
    hashes, ellipses = columns["hash_signs"] / words, columns["ellipses"] / words
    bullets, ellipsis_lines = columns["bullet_lines"] / lines, columns["ellipsis_lines"] / lines
    alphabetic = columns["alphabetic_words"] / words
    stop_words = columns["listed_stop_words" if rule.stop_words else "stop_words"].astype(np.float64)
    symbols = "for each word, above max_symbols_per_word"
    tests = (
        (TOO_SHORT, "words, fewer than min_words", counted, rule.min_words, None),
        (TOO_LONG, "words, more than max_words", counted, None, rule.max_words),
        (SHORT_WORDS, "chars a word, below min_word_chars", mean_chars, rule.min_word_chars, None),
        (LONG_WORDS, "chars a word, above max_word_chars", mean_chars, None, rule.max_word_chars),
        (HASHES, f"# {symbols}", hashes, None, rule.max_symbols_per_word),
        (ELLIPSES, f"ellipses {symbols}", ellipses, None, rule.max_symbols_per_word),
        (
            BULLETS,
            "of the lines begin with a bullet, above max_bullet_lines",
            bullets,
            None,
            rule.max_bullet_lines,
        ),
        (
            ELLIPSIS_LINES,
            "of the lines end in an ellipsis, above max_ellipsis_lines",
            ellipsis_lines,
            None,
            rule.max_ellipsis_lines,
        ),
        (
            NOT_ALPHABETIC,
            "of the words hold a letter, below min_alphabetic_words",
            alphabetic,
            rule.min_alphabetic_words,
            None,
        ),
        (STOP_WORDS, "stop words, fewer than min_stop_words", stop_words, rule.min_stop_words, None),
    )
    bounds = []
    for reason, says, value, low, high in tests:
        if low is not None:
            bounds.append(Bound(reason, f"{says} {low:g}", value, value < low))
        if high is not None:
            bounds.append(Bound(reason, f"{says} {high:g}", value, value > high))
    return first_missed(len(counted), bounds)
