"""What the edits of a recipe took from its documents, summed over portions from their ragged columns; reads no text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.data.edits.c4_lines import LINE_COLUMNS, OUTCOMES
from ontogeny.data.edits.mask_pii import MATCH_COLUMNS
from ontogeny.data.pii.kinds import KINDS

if TYPE_CHECKING:
    from ontogeny.data.portions import Portion


def edit_figures(portions: Sequence[Portion], types: Sequence[str]) -> dict[str, dict[str, dict[str, int]]]:
    """For each type of edit among `types`, how many lines or matches went for each reason, and their bytes.

    Of all documents that were read, those that rules dropped included. `c4-lines` counts by outcome, the kept too;
    `mask-pii` by kind. Of a type that stands in a recipe twice, the last.
    """
    return {
        kind: _summed(portions, codes, sizes, names, of)
        for kind, (codes, sizes, names, of) in _COUNTED.items()
        if kind in types
    }


_COUNTED: dict[str, tuple[str, str, Sequence[str], str]] = {
    "c4-lines": (LINE_COLUMNS[0], LINE_COLUMNS[1], OUTCOMES, "lines"),
    "mask-pii": (MATCH_COLUMNS[0], MATCH_COLUMNS[2], KINDS, "matches"),
}
"""Type -> the columns of reasons and of bytes, the reasons' names, and what is counted."""


def _summed(
    portions: Sequence[Portion], codes: str, sizes: str, names: Sequence[str], of: str
) -> dict[str, dict[str, int]]:
    count, size = np.zeros(len(names), dtype=np.int64), np.zeros(len(names), dtype=np.int64)
    for portion in portions:
        if portion.counts["documents"]:
            code: Any = portion.ragged_edits(codes).values
            count += np.bincount(code, minlength=len(names))
            size += np.bincount(code, portion.ragged_edits(sizes).values, len(names)).astype(np.int64)
    return {
        of: {name: int(each) for name, each in zip(names, count, strict=True) if each},
        "bytes": {
            name: int(each) for name, each in zip(names, size, strict=True) if count[names.index(name)]
        },
    }
