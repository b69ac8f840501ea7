"""Drops documents that hold evaluation items.

The rule's column only proposes: documents that share an n-gram with an item. What becomes of them is decided once
the whole corpus is known (`data.decontaminate.corpus.drop_contaminated`), because an n-gram that many documents hold
proves nothing of any of them: flags on single documents were false for 88 of 114 sources in Marin's audit (#6852).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ontogeny.data.rules.judgement import Judgement, first_missed

CONTAMINATED = "contaminated"
COLUMNS = ("question", "context", "answer", "id")


class Decontaminate(BaseModel):
    """Which items, and how much of one makes a document contaminated.

    `against`: files of items (JSON lines, JSON, CSV, Parquet), as paths or patterns. `columns`: a file's own names for
    `question`, `context`, `answer` and `id`, where they are not usual ones.
    `n_gram`: words that must agree for a closer look; 8 is the low end of GPT-3's range (arXiv:2005.14165, appendix C),
    13 the high one. `max_items`: an n-gram in the questions of more items is a template and leads nowhere.
    `min_share`: of a question's word trigrams, those that stand together at one place. `min_share_short`: the same for
    a question of fewer than 16 words whose answer does not stand near it; both were chosen on planted leaks
    (`benchmarks/decontamination.py`).
    `min_hits`: n-grams of an item that decide by themselves, as a part of a long question does; None for no such rule.
    Those in more than `max_documents` documents (GPT-3's 10) do not count.
    `context`: what becomes of a document with a question's passage and not the question, such as the encyclopedia's own
    article. `require_answer`: only questions with an answer nearby count. `action`: `report` drops nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["decontaminate"]
    against: tuple[str, ...] = Field(min_length=1)
    columns: Mapping[str, str] = {}
    n_gram: int = Field(8, ge=6, le=13)
    min_share: float = Field(0.5, gt=0, le=1)
    min_share_short: float = Field(0.75, gt=0, le=1)
    min_hits: int | None = Field(16, ge=1)
    max_documents: int = Field(10, ge=1)
    max_items: int = Field(4, ge=1)
    context: Literal["keep", "drop"] = "keep"
    require_answer: bool = False
    action: Literal["drop", "report"] = "drop"

    @property
    def needs(self) -> tuple[str, ...]:
        """The group that `signals.overlap.group_of(rule)` makes; its name follows from the content of the files."""
        from ontogeny.data.signals.overlap import overlap_name

        return (overlap_name(self),)

    @model_validator(mode="after")
    def _columns_are_known(self) -> Decontaminate:
        for name in self.columns:
            if name not in COLUMNS:
                raise ValueError(f"`columns` names {name!r}, but an item has {', '.join(COLUMNS)}")
        return self


def judge_decontaminate(rule: Decontaminate, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """Keeps everything: what the column proposes is decided over the whole corpus."""
    (column,) = rule.needs
    return first_missed(len(columns[column]), [])
