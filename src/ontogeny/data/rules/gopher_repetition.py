"""Drops documents that say the same again and again: the repetition rules of Gopher.

Rae et al., arXiv:2112.11446, appendix A1.1, table A1; counted as datatrove 0.10 does (`gopher_repetition_filter`), in
its order. A paragraph or line counts as a duplicate from its second time on; shares of characters are of the whole
text; runs of words are those of `signals/n_grams`. It sees the text as it is where the rule stands: in the published
chains the raw text, before C4's edit of lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ontogeny.data.rules.judgement import Bound, Judgement, first_missed

if TYPE_CHECKING:
    import numpy.typing as npt

EMPTY = "gopher_empty"

Share: TypeAlias = float | None


class GopherRepetition(BaseModel):
    """The largest share that is allowed of each; None for any. The defaults are those of Gopher
    (Rae et al., arXiv:2112.11446, table A1).

    `duplicate_paragraphs`, `duplicate_lines`: of the paragraphs or lines, those that stood before in the document.
    All others are shares of its characters. `duplicate_paragraph_chars`, `duplicate_line_chars`: those in such
    paragraphs or lines. `top_2_gram`, `top_3_gram`, `top_4_gram`: those in the run of two, three or four words that
    stands most often, if more than once. `duplicate_5_gram`, `duplicate_6_gram`, `duplicate_7_gram`,
    `duplicate_8_gram`, `duplicate_9_gram`, `duplicate_10_gram`: those in runs of so many words that stood before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[tuple[str, ...]] = ("lines", "repetition")
    bounds: ClassVar[tuple[str, ...]] = (
        *("duplicate_paragraphs", "duplicate_paragraph_chars", "duplicate_lines", "duplicate_line_chars"),
        *(
            "top_2_gram",
            "top_3_gram",
            "top_4_gram",
            "duplicate_5_gram",
            "duplicate_6_gram",
            "duplicate_7_gram",
        ),
        *("duplicate_8_gram", "duplicate_9_gram", "duplicate_10_gram"),
    )

    type: Literal["gopher-repetition"]
    duplicate_paragraphs: Share = Field(0.3, ge=0, le=1)
    duplicate_paragraph_chars: Share = Field(0.2, ge=0, le=1)
    duplicate_lines: Share = Field(0.3, ge=0, le=1)
    duplicate_line_chars: Share = Field(0.2, ge=0, le=1)
    top_2_gram: Share = Field(0.2, ge=0, le=1)
    top_3_gram: Share = Field(0.18, ge=0, le=1)
    top_4_gram: Share = Field(0.16, ge=0, le=1)
    duplicate_5_gram: Share = Field(0.15, ge=0, le=1)
    duplicate_6_gram: Share = Field(0.14, ge=0, le=1)
    duplicate_7_gram: Share = Field(0.13, ge=0, le=1)
    duplicate_8_gram: Share = Field(0.12, ge=0, le=1)
    duplicate_9_gram: Share = Field(0.11, ge=0, le=1)
    duplicate_10_gram: Share = Field(0.1, ge=0, le=1)


# Each field with the column that is counted, what it is a share of, and in words.
_SHARES = (
    ("duplicate_paragraphs", "duplicate_paragraphs", "paragraphs", "of the paragraphs stood before"),
    ("duplicate_paragraph_chars", "duplicate_paragraph_chars", "text_chars", "of the text is repeated paragraphs"),
    ("duplicate_lines", "duplicate_lines", "lines", "of the lines stood before"),
    ("duplicate_line_chars", "duplicate_line_chars", "text_chars", "of the text is repeated lines"),
    *((f"top_{n}_gram", f"top_{n}_gram_chars", "text_chars", f"of the text is a run of {n} words") for n in (2, 3, 4)),
    *(
        (f"duplicate_{n}_gram", f"duplicate_{n}_gram_chars", "text_chars", f"of the text is repeated runs of {n} words")
        for n in (5, 6, 7, 8, 9, 10)
    ),
)  # fmt: skip


def judge_gopher_repetition(rule: GopherRepetition, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """`gopher_empty`, or `gopher_` and the name of the field whose bound was the first to be missed."""
    import numpy as np

    chars = columns["text_chars"]
    bounds = [Bound(EMPTY, "chars, an empty text", chars.astype(np.float64), chars == 0)]
    for field, counted, whole, says in _SHARES:
        allowed: float | None = getattr(rule, field)
        if allowed is not None:
            share = columns[counted] / np.maximum(columns[whole], 1)
            bounds.append(
                Bound(f"gopher_{field}", f"{says}, above {field} {allowed:g}", share, share > allowed)
            )
    return first_missed(len(chars), bounds)
