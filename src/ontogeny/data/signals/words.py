"""The signal groups `words` and `repetition`: what words a text holds, and how often runs of them come back.

Both come from one compiled pass; asking for `repetition` and `words` together costs one splitting of the text.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ontogeny.data.signals.group import Columns, SignalGroup, Stored
from ontogeny.data.texts import Texts

WORD_COLUMNS = ("words", "counted_words", "counted_word_chars", "alphabetic_words", "stop_words")
REPETITION_COLUMNS = (
    *(f"top_{n}_gram_chars" for n in (2, 3, 4)),
    *(f"duplicate_{n}_gram_chars" for n in (5, 6, 7, 8, 9, 10)),
)

Splitter = Literal["english", "unicode"]


def compute_words(texts: Texts) -> Columns:
    """The words of each text, (n,) int64 each.

    `words`; `counted_words`, those that are more than signs, and their characters `counted_word_chars`;
    `alphabetic_words` with a letter; `stop_words`, how many of Gopher's eight stand in the text.
    """
    return measure_words(texts, repetition=False)


def compute_repetition(texts: Texts) -> Columns:
    """Characters in repeated runs of words, (n,) int64 each; see `n_grams`."""
    columns = measure_words(texts, repetition=True)
    return {name: columns[name] for name in REPETITION_COLUMNS}


def measure_words(texts: Texts, *, repetition: bool, splitter: Splitter = "english") -> Columns:
    """The columns of `words` and, if wanted, of `repetition`, in one pass."""
    from ontogeny.data.signals.characters import character_classes
    from ontogeny.data.signals.special_cases import special_cases
    from ontogeny.data.signals.word_pass import pass_over_words

    words = np.zeros((len(texts), len(WORD_COLUMNS)), dtype=np.int64)
    grams = np.zeros((len(texts) if repetition else 0, len(REPETITION_COLUMNS)), dtype=np.int64)
    pass_over_words(
        texts.data, texts.offsets, character_classes(), special_cases(), splitter == "english", words, grams
    )
    columns: dict[str, npt.NDArray[Any]] = {
        name: words[:, number].copy() for number, name in enumerate(WORD_COLUMNS)
    }
    if repetition:
        columns |= {name: grams[:, number].copy() for number, name in enumerate(REPETITION_COLUMNS)}
    return columns


def compute_together(groups: Collection[SignalGroup], texts: Texts) -> Stored:
    """The columns of `groups`, where those that share a pass share it."""
    names = {group.name for group in groups}
    columns: dict[str, Any] = {}
    if REPETITION.name in names:
        both = measure_words(texts, repetition=True)
        columns |= both if WORDS.name in names else {name: both[name] for name in REPETITION_COLUMNS}
        groups = [group for group in groups if group.name not in (WORDS.name, REPETITION.name)]
    for group in groups:
        columns |= group.compute(texts)
    return columns


WORDS = SignalGroup("words", 1, WORD_COLUMNS, compute_words)
REPETITION = SignalGroup("repetition", 1, REPETITION_COLUMNS, compute_repetition)
