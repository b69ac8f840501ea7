"""The signal group `bad_words`: how often a text holds a word of the user's list, and a lot that may save it.

The lot is a digest of the text: uniform over texts, and the same whatever order they come in.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from blake3 import blake3

from ontogeny.data.signals.group import Columns, SignalGroup
from ontogeny.data.texts import Texts
from ontogeny.data.word_files import read_phrases, version_of

if TYPE_CHECKING:
    from ontogeny.data.phrase_list import PhraseList

BAD_WORDS, LOT = "bad_words", "bad_words_lot"
_LOT_OF = b"bad words\0"
"""Before the text, so that the lot has nothing to do with other digests of it."""


def bad_word_signals(path: Path) -> SignalGroup:
    """The group `bad_words` for the list in `path`.

    `bad_words` (n,) int32: places where an entry begins, letters in any case; `bad_words_lot` (n,) float64 in [0, 1),
    0 for a text that holds none.

    Raises:
        DataError: the list cannot be read, or holds no word.
    """
    words = read_phrases(path)
    return SignalGroup(
        "bad_words", version_of(words), (BAD_WORDS, LOT), functools.partial(_compute, words=words)
    )


def _compute(texts: Texts, words: tuple[str, ...]) -> Columns:
    counts = _prepared(words).counts(Texts.of([text.lower() for text in texts.strings()]))
    lots = np.zeros(len(texts), dtype=np.float64)
    for row in np.flatnonzero(counts):
        text = texts.data[texts.offsets[row] : texts.offsets[row + 1]].tobytes()
        lots[row] = int.from_bytes(blake3(_LOT_OF + text).digest(6), "big") / 2**48
    return {BAD_WORDS: counts, LOT: lots}


@functools.lru_cache(maxsize=4)
def _prepared(words: tuple[str, ...]) -> PhraseList:
    from ontogeny.data.phrase_list import PhraseList

    return PhraseList.of(words)
