"""The signal group `toxicity`: the share of a text's words that are on a list of toxic ones.

A word is a run of ASCII letters, digits and apostrophes, and of bytes of other scripts; letters count in small form.
The project's own list (`toxic_words.txt`) is short and English: slurs, and insults that are seldom meant otherwise.
Plain vulgarity is left out, because dropping it drops whole dialects. A user's list, a word a line, `#` for comments,
takes its place. A rate over words knows nothing of context: quotation, reclaimed use and discussion of a slur count
like abuse; the trainable classifier (`data/classifier.py`) is the better judge where there are examples to learn from.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ontogeny.data.signals.group import Columns, SignalGroup
from ontogeny.data.texts import Texts
from ontogeny.data.word_files import read_words, version_of

if TYPE_CHECKING:
    from ontogeny.data.word_list import WordList

TOXIC_WORD_RATE = "toxic_word_rate"


def own_list() -> Path:
    """The project's own list."""
    return Path(__file__).parent / "toxic_words.txt"


def toxicity_signals(path: Path | None = None) -> SignalGroup:
    """The group `toxicity`: `toxic_word_rate` (n,) float32, of the words of the list in `path`, or of our own.

    Its version follows from the list, so that another list is computed anew.

    Raises:
        DataError: the list cannot be read, or holds no word.
    """
    path = path or own_list()
    words = read_words(path)
    return SignalGroup(
        "toxicity", version_of(words), (TOXIC_WORD_RATE,), functools.partial(_compute, words=words)
    )


def _compute(texts: Texts, words: tuple[str, ...]) -> Columns:
    return {TOXIC_WORD_RATE: _prepared(words).rates(texts)}


@functools.lru_cache(maxsize=4)
def _prepared(words: Iterable[str]) -> WordList:
    from ontogeny.data.word_list import WordList

    return WordList.of(words)
