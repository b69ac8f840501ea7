"""Drops documents that C4 would not keep, after its rules for lines.

Raffel et al., arXiv:1910.10683, section 2.2, as datatrove 0.10 has it (`c4_filters`). It sees the text after edits: the
edit `c4-lines` stands before this rule in a recipe, takes out lines and counts what this rule asks. Bad words, too, are
looked for in what that edit left, which is where the published pipeline (tensorflow-datasets, text/c4.py) looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ontogeny.data.rules.judgement import Bound, Judgement, first_missed

if TYPE_CHECKING:
    import numpy.typing as npt

LOREM_IPSUM, CURLY_BRACKET, TOO_FEW_SENTENCES = "c4_lorem_ipsum", "c4_curly_bracket", "c4_too_few_sentences"
BAD_WORDS = "c4_bad_words"


class C4(BaseModel):
    """What drops a document (Raffel et al., arXiv:1910.10683, section 2.2).

    `lorem_ipsum`, `curly_bracket`: a line that the edit had not taken out before holds it.
    `min_sentences`: of the lines that stay (published: 5); None for any number.

    `bad_words`: a file with a word or phrase a line, `#` for comments; a document that holds one of them goes, whatever
    the case of its letters. None, the default, asks for none: the list that C4 took (github.com/LDNOOBW) is not ours to
    ship, and it is known to take medical and gay or lesbian writing with the rest (Dodge et al., arXiv:2104.08758,
    section 5). `bad_words_keep_fraction` of the documents with a bad word stay (C4: none; mC4: one in a thousand, in
    the same file); which ones, a digest of their text decides.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[tuple[str, ...]] = ()
    bounds: ClassVar[tuple[str, ...]] = ("min_sentences",)

    type: Literal["c4"]
    min_sentences: int | None = Field(5, ge=1)
    lorem_ipsum: bool = True
    curly_bracket: bool = True
    bad_words: Path | None = None
    bad_words_keep_fraction: float = Field(0.0, ge=0, lt=1)

    @property
    def needs_edits(self) -> tuple[str, ...]:
        """The edits that must stand before it, since it reads what they counted."""
        counted = self.lorem_ipsum or self.curly_bracket or self.min_sentences is not None
        return ("c4-lines",) if counted else ()

    @model_validator(mode="after")
    def _has_words_to_keep(self) -> C4:
        if self.bad_words_keep_fraction and self.bad_words is None:
            raise ValueError("bad_words_keep_fraction has no effect without a list: give `bad_words` a file")
        return self


def judge_c4(rule: C4, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """The reasons above, with the lines that hold it, the sentences, or the places where a bad word stands."""
    bounds = []
    if rule.lorem_ipsum:
        lines = columns["c4_lorem_ipsum_lines"].astype(float)
        bounds.append(Bound(LOREM_IPSUM, "lines with lorem ipsum", lines, lines > 0))
    if rule.curly_bracket:
        lines = columns["c4_curly_bracket_lines"].astype(float)
        bounds.append(Bound(CURLY_BRACKET, "lines with a curly bracket", lines, lines > 0))
    if rule.min_sentences is not None:
        sentences = columns["c4_sentences"].astype(float)
        says = f"sentences, fewer than min_sentences {rule.min_sentences}"
        bounds.append(Bound(TOO_FEW_SENTENCES, says, sentences, sentences < rule.min_sentences))
    if rule.bad_words is not None:
        found, lot = columns["bad_words"].astype(float), columns["bad_words_lot"]
        missed = (found > 0) & (lot >= rule.bad_words_keep_fraction)
        bounds.append(Bound(BAD_WORDS, "words or phrases of the list bad_words", found, missed))
    count = len(bounds[0].missed) if bounds else len(next(iter(columns.values())))
    return first_missed(count, bounds)
