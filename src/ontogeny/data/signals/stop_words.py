"""The signal group `stop_words`: how many words of the user's own list a text holds."""

from __future__ import annotations

import functools

import numpy as np

from ontogeny.data.signals.group import Columns, SignalGroup
from ontogeny.data.texts import Texts
from ontogeny.data.word_files import version_of

LISTED_STOP_WORDS = "listed_stop_words"


def stop_word_signals(words: tuple[str, ...]) -> SignalGroup:
    """The group `stop_words` for `words`: `listed_stop_words` (n,) int32, how many different ones stand in a text.

    Words are those of the group `words`, compared as they are written.
    """
    listed = tuple(sorted(set(words)))
    return SignalGroup(
        "stop_words", version_of(listed), (LISTED_STOP_WORDS,), functools.partial(_compute, words=listed)
    )


def _compute(texts: Texts, words: tuple[str, ...]) -> Columns:
    from ontogeny.data.signals.characters import character_classes
    from ontogeny.data.signals.special_cases import fnv, special_cases
    from ontogeny.data.signals.word_pass import count_listed_words

    listed = np.array(sorted(fnv(word.encode()) for word in words), dtype=np.uint64)
    counts = np.zeros(len(texts), dtype=np.int32)
    count_listed_words(texts.data, texts.offsets, character_classes(), special_cases(), listed, counts)
    return {LISTED_STOP_WORDS: counts}
