"""C4's rules for lines: what is no sentence, too short, about cookies or JavaScript goes, and so do citation marks.

Raffel et al., arXiv:1910.10683, section 2.2, with the details of the reference implementation
(tensorflow-datasets, text/c4_utils.py) as datatrove 0.10 has them. What the document as a whole must then have
(five sentences, no lorem ipsum, no curly bracket, no bad word) is the rule `c4`, which reads the columns of this edit.
It sees the text as edits before it left it, line by line; rules listed behind it see what it leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ontogeny.data.edits.edited import Edited
from ontogeny.data.signals.group import Ragged

if TYPE_CHECKING:
    import numpy.typing as npt

    from ontogeny.data.texts import Texts

KEPT = "kept"
OUTCOMES = (KEPT, "too_long_word", "no_terminal_punctuation", "too_few_words", "javascript", "policy")
"""What became of a line, by its code."""
COLUMNS = (
    "c4_lines",
    *(f"c4_{outcome}_lines" for outcome in OUTCOMES),
    "c4_lorem_ipsum_lines",
    "c4_curly_bracket_lines",
    "c4_citations",
    "c4_sentences",
)
LINE_COLUMNS = ("c4_line_codes", "c4_line_bytes", "c4_line_words")
"""What is kept of every line, so that what the edit took can be told without reading the text again."""


class C4Lines(BaseModel):
    """Which lines stay (Raffel et al., arXiv:1910.10683, section 2.2). A bound of None and a switch that is off
    let every line pass.

    `terminal_punctuation`: only lines that end in . ? ! " or ', and not in an ellipsis (FineWeb, arXiv:2406.17557,
    section 3.4, turned this off). `citations`: marks such as [1], [edit] and [citation needed] are taken out of the
    line. `min_words` between spaces (published: 3). `max_word_chars`: no longer word (published: 1,000).
    `javascript`: no line that names it. `policy`: no line about cookies, terms of use or privacy policy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["c4-lines"]
    terminal_punctuation: bool = True
    citations: bool = True
    min_words: int | None = Field(3, ge=1)
    max_word_chars: int | None = Field(1000, ge=1)
    javascript: bool = True
    policy: bool = True


def edit_c4_lines(texts: Texts, settings: C4Lines) -> Edited:
    """The texts with the lines that stay, joined by line feeds, and the columns `COLUMNS`, (n,) int64 each.

    `c4_lines` and, of these, how many had each outcome; lines that hold lorem ipsum or a curly bracket, of those that
    got so far; citation marks taken out; sentences of the lines that stay. Beside them the ragged `LINE_COLUMNS`, a
    value for each line of the text before the edit: its outcome as a position in `OUTCOMES` (uint8), its bytes without
    the line break (int32), its words between spaces (int32).
    """
    import numpy as np

    from ontogeny.data.edits.c4_line_pass import NO_BOUND, bound_of_lines, pass_over_c4_lines
    from ontogeny.data.signals.characters import character_classes
    from ontogeny.data.signals.special_cases import special_cases
    from ontogeny.data.texts import Texts

    options = (
        settings.terminal_punctuation,
        settings.citations,
        settings.min_words or 0,
        settings.max_word_chars or NO_BOUND,
        settings.javascript,
        settings.policy,
    )
    classes, cases = character_classes(), special_cases()
    bound = bound_of_lines(texts.data, texts.offsets, classes)
    counts = np.zeros((len(texts), len(COLUMNS)), dtype=np.int64)
    data, offsets = np.empty(len(texts.data), dtype=np.uint8), np.zeros(len(texts) + 1, dtype=np.int64)
    lines = (np.empty(bound, np.uint8), np.empty(bound, np.int32), np.empty(bound, np.int32))
    line_offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    pass_over_c4_lines(
        *(texts.data, texts.offsets, classes, cases, options),
        *(data, offsets, *lines, line_offsets, counts),
    )
    columns: dict[str, npt.NDArray[Any] | Ragged] = {
        name: counts[:, number].copy() for number, name in enumerate(COLUMNS)
    }
    for name, values in zip(LINE_COLUMNS, lines, strict=True):
        columns[name] = Ragged(values[: line_offsets[-1]].copy(), line_offsets)
    return Edited(Texts(data[: offsets[-1]].copy(), offsets), columns)
