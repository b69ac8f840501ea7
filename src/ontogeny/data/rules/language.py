"""Keeps documents in the languages that are wanted, where the detector is sure enough.

It sees the text as it is where the rule stands; in FineWeb's chain, whose bound is the default, before any edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ontogeny.core.errors import nearest
from ontogeny.data.language_codes import LANGUAGES
from ontogeny.data.rules.judgement import Bound, Judgement, first_missed

OTHER = "language_other"
UNSURE = "language_unsure"

MIN_SCORE = 0.65
"""FineWeb keeps English above this score of fastText's detector (arXiv:2406.17557, section 3.3)."""


class Language(BaseModel):
    """The languages to keep, as lid.176 names them (`en`, `de`, `zh`, ...), and how sure the detector must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[tuple[str, ...]] = ("language",)
    bounds: ClassVar[tuple[str, ...]] = ("min_score",)

    type: Literal["language"]
    languages: tuple[str, ...] = Field(min_length=1)
    """Codes of those to keep; a document in another goes as `language_other`."""
    min_score: float | None = Field(MIN_SCORE, ge=0, le=1)
    """Least probability that the detector gives its answer; below it, `language_unsure`. None: any."""

    @field_validator("languages")
    @classmethod
    def _known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        for code in languages:
            if code not in LANGUAGES:
                raise ValueError(
                    f"{code!r} is not a language that the detector tells apart; it knows {len(LANGUAGES)} codes such as"
                    f" 'en', 'de', 'zh'.{nearest(code, LANGUAGES)}"
                )
        return languages


def judge_language(rule: Language, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """`language_other` for a language that is not wanted, `language_unsure` for a score below the bound."""
    language, score = columns["language"], columns["language_score"].astype(np.float64)
    wanted = np.array([LANGUAGES.index(code) for code in rule.languages])
    names = ", ".join(rule.languages)
    bounds = [Bound(OTHER, f"for a language other than {names}", score, ~np.isin(language, wanted))]
    if rule.min_score is not None:
        says = f"language score, below min_score {rule.min_score:g}"
        # Compared as float32, which the score is kept as, so that a bound equal to a score keeps its document.
        missed = columns["language_score"] < np.float32(rule.min_score)
        bounds.append(Bound(UNSURE, says, score, missed))
    return first_missed(len(language), bounds)
