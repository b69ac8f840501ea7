"""The signal group `language`: which language a text is in, and how sure that is (see `data/language.py`)."""

from __future__ import annotations

from ontogeny.data.signals.group import Columns, SignalGroup
from ontogeny.data.texts import Texts

LANGUAGE, LANGUAGE_SCORE = "language", "language_score"


def compute_language(texts: Texts) -> Columns:
    """`language` (n,) int16, a position in `language_codes.LANGUAGES` or -1; `language_score` (n,) float32 in 0..1."""
    from ontogeny.data.language import detect_languages

    codes, scores = detect_languages(texts)
    return {LANGUAGE: codes, LANGUAGE_SCORE: scores}


LANGUAGE_SIGNALS = SignalGroup("language", 1, (LANGUAGE, LANGUAGE_SCORE), compute_language)
