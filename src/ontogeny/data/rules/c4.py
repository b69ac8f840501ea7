"""Drops documents that C4 would not keep, after its rules for lines.

Raffel et al., arXiv:1910.10683, section 2.2, as datatrove 0.10 has it (`c4_filters`). The edit `c4-lines` stands before
this rule in a recipe: it takes out lines and counts what this rule asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from ontogeny.data.rules.judgement import Bound, Judgement, first_missed

if TYPE_CHECKING:
    import numpy.typing as npt

LOREM_IPSUM, CURLY_BRACKET, TOO_FEW_SENTENCES = "c4_lorem_ipsum", "c4_curly_bracket", "c4_too_few_sentences"


class C4(BaseModel):
    """What drops a document. `lorem_ipsum`, `curly_bracket`: a line that the edit had not taken out before holds it.
    `min_sentences`: of the lines that stay (published: 5); None for any number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[tuple[str, ...]] = ()
    bounds: ClassVar[tuple[str, ...]] = ("min_sentences",)
    needs_edits: ClassVar[tuple[str, ...]] = ("c4-lines",)

    type: Literal["c4"]
    min_sentences: int | None = Field(5, ge=1)
    lorem_ipsum: bool = True
    curly_bracket: bool = True


def judge_c4(rule: C4, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """`c4_lorem_ipsum`, `c4_curly_bracket` with the lines that hold it, `c4_too_few_sentences` with the sentences."""
    lorem, curly, sentences = (
        columns[name].astype(float)
        for name in ("c4_lorem_ipsum_lines", "c4_curly_bracket_lines", "c4_sentences")
    )
    bounds = []
    if rule.lorem_ipsum:
        bounds.append(Bound(LOREM_IPSUM, "lines with lorem ipsum", lorem, lorem > 0))
    if rule.curly_bracket:
        bounds.append(Bound(CURLY_BRACKET, "lines with a curly bracket", curly, curly > 0))
    if rule.min_sentences is not None:
        says = f"sentences, fewer than min_sentences {rule.min_sentences}"
        bounds.append(Bound(TOO_FEW_SENTENCES, says, sentences, sentences < rule.min_sentences))
    return first_missed(len(sentences), bounds)
