"""What the edits of a recipe took from its documents, summed over portions from their ragged columns; reads no text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.data.edits.c4_lines import KEPT, LINE_COLUMNS, OUTCOMES
from ontogeny.data.edits.mask_pii import MATCH_COLUMNS
from ontogeny.data.pii.kinds import KINDS

if TYPE_CHECKING:
    from ontogeny.data.portions import Portion


def edit_figures(portions: Sequence[Portion], types: Sequence[str]) -> dict[str, dict[str, dict[str, int]]]:
    """For each type of edit among `types`, how many lines or matches went for each reason, and their bytes.

    Of all documents that were read, those that rules dropped included. `c4-lines` counts by outcome, the kept too, and
    those that went without a word on them as `BLANK`, whatever they went for: no text went with them. `mask-pii` counts
    by kind. Of a type that stands in a recipe twice, the last.
    """
    return {kind: _summed(portions, *counted) for kind, counted in _COUNTED.items() if kind in types}


BLANK = "blank"
_COUNTED: dict[str, tuple[str, str, str | None, Sequence[str], str]] = {
    "c4-lines": (*LINE_COLUMNS, (*OUTCOMES, BLANK), "lines"),
    "mask-pii": (MATCH_COLUMNS[0], MATCH_COLUMNS[2], None, KINDS, "matches"),
}
"""Type -> the columns of reasons, of bytes and of words, the reasons' names, and what is counted."""


def _summed(
    portions: Sequence[Portion], codes: str, sizes: str, words: str | None, names: Sequence[str], of: str
) -> dict[str, dict[str, int]]:
    count, size = np.zeros(len(names), dtype=np.int64), np.zeros(len(names), dtype=np.int64)
    for portion in portions:
        if portion.counts["documents"]:
            code: Any = portion.ragged_edits(codes).values
            if words is not None:
                went = code != names.index(KEPT)
                code = np.where(went & (portion.ragged_edits(words).values == 0), names.index(BLANK), code)
            count += np.bincount(code, minlength=len(names))
            size += np.bincount(code, portion.ragged_edits(sizes).values, len(names)).astype(np.int64)
    return {
        of: {name: int(each) for name, each in zip(names, count, strict=True) if each},
        "bytes": {
            name: int(each) for name, each in zip(names, size, strict=True) if count[names.index(name)]
        },
    }
