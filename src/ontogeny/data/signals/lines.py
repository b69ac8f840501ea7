"""The signal group `lines`: lines and paragraphs, how they begin and end, and how many stand twice."""

from __future__ import annotations

import numpy as np

from ontogeny.data.signals.group import Columns, SignalGroup
from ontogeny.data.texts import Texts

LINE_COLUMNS = (
    "text_chars",
    "line_feeds",
    "hash_signs",
    "ellipses",
    "shown_lines",
    "bullet_lines",
    "ellipsis_lines",
    "filled_lines",
    "terminal_lines",
    "short_lines",
    "duplicate_filled_line_chars",
    "lines",
    "duplicate_lines",
    "duplicate_line_chars",
    "paragraphs",
    "duplicate_paragraphs",
    "duplicate_paragraph_chars",
)


def compute_lines(texts: Texts) -> Columns:
    """Counts of each text, (n,) int64 each; characters are code points.

    `text_chars`, `line_feeds`, `hash_signs` (#), `ellipses` (... or …); of the lines that str.splitlines gives:
    `shown_lines`, and those with a `bullet` first or an `ellipsis` last; of the lines between line feeds that hold more
    than spaces: `filled_lines`, `terminal_lines` that end in a sentence's last sign, `short_lines` of at most 30
    characters, `duplicate_filled_line_chars`; split at runs of line feeds: `lines` and those that stood before;
    split at two or more: `paragraphs` and those that stood before.
    """
    from ontogeny.data.signals.characters import character_classes
    from ontogeny.data.signals.line_pass import pass_over_lines

    counts = np.zeros((len(texts), len(LINE_COLUMNS)), dtype=np.int64)
    pass_over_lines(texts.data, texts.offsets, character_classes(), counts)
    return {name: counts[:, number].copy() for number, name in enumerate(LINE_COLUMNS)}


LINES = SignalGroup("lines", 1, LINE_COLUMNS, compute_lines)
