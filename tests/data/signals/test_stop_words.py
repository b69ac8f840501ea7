from __future__ import annotations

import numpy as np

from ontogeny.data.signals.special_cases import STOP_WORDS
from ontogeny.data.signals.stop_words import stop_word_signals
from ontogeny.data.signals.words import compute_words
from ontogeny.data.texts import Texts


def found(words: tuple[str, ...], texts: list[str]) -> list[int]:
    counts: list[int] = np.asarray(
        stop_word_signals(words).compute(Texts.of(texts))["listed_stop_words"]
    ).tolist()
    return counts


def test_different_words_count_once_as_they_are_written() -> None:
    texts = ["Der Hund, der bellt, und die Katze.", "nichts", "", "die die die", f"{'Wort ' * 9000}und"]
    assert found(("der", "die", "und"), texts) == [3, 0, 0, 1, 1]


def test_gophers_own_list_gives_gophers_own_count() -> None:
    texts = [
        "The best of the rest, and that with it.",
        "to be or not to be",
        "We've come to have it",
        "(of) 'the'",
    ]
    assert found(STOP_WORDS, texts) == compute_words(Texts.of(texts))["stop_words"].tolist()


def test_another_list_has_another_version_but_its_order_does_not_matter() -> None:
    assert stop_word_signals(("a", "b")).version == stop_word_signals(("b", "a", "a")).version
    assert stop_word_signals(("a", "b")).version != stop_word_signals(("a", "c")).version
