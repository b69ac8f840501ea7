"""Drops documents with too large a share of toxic words.

It sees the text as it is where the rule stands. The bound and the list are our own (see `signals/toxicity`); C4's rule,
one bad word and the page goes, is `bad_words` of the rule `c4`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from ontogeny.data.rules.judgement import Bound, Judgement, first_missed
from ontogeny.data.signals.toxicity import TOXIC_WORD_RATE

TOXIC = "toxic_words"

MAX_RATE = 0.01
"""One word in a hundred; chosen on benchmarks/classifier_quality.py, where books and manuals stay below."""


class Toxicity(BaseModel):
    """The largest share of toxic words that is allowed, and the list that says which they are.

    With `max_rate: null` nothing is dropped: the column `toxic_word_rate` is there for what follows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[tuple[str, ...]] = ("toxicity",)
    bounds: ClassVar[tuple[str, ...]] = ("max_rate",)

    type: Literal["toxicity"]
    max_rate: float | None = Field(MAX_RATE, ge=0, lt=1)
    """Share of a document's words."""
    words: Path | None = None
    """A file with a word a line, `#` for comments. None: a short English list of our own, slurs and insults."""


def judge_toxicity(rule: Toxicity, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """`toxic_words`, with the share of toxic words as the score."""
    rate = columns[TOXIC_WORD_RATE]
    if rule.max_rate is None:
        return first_missed(len(rate), [])
    missed = rate > np.float32(rule.max_rate)
    says = f"of the words are toxic, above max_rate {rule.max_rate:g}"
    return first_missed(len(rate), [Bound(TOXIC, says, rate.astype(np.float64), missed)])
