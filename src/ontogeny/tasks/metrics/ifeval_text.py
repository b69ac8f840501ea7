"""What IFEval's rules count in a text: words, sentences, words in capitals; and its language."""

from __future__ import annotations

import re

WORD = re.compile(r"\w+")
SIGN = re.compile(r"[.!?\u2026]+[\"'\u201d\u2019)\]*_]*(?=\s|$)|[\u3002\uff01\uff1f\u0964]+")
"""What may end a sentence: a final sign before white space; those of Chinese, Japanese and Hindi need none."""
ABBREVIATIONS = frozenset({
    "mr", "mrs", "ms", "dr", "prof", "st", "rev", "hon", "gen", "col", "capt", "lt", "sgt", "vs", "eg", "ie", "cf",
    "no", "fig", "approx",
})  # fmt: skip
"""Words whose full stop ends no sentence, dots left out."""
MAYBE_LAST = frozenset(("etc", "inc", "ltd", "co", "corp", "jr", "sr", "al"))
"""Words whose full stop ends one where a capital follows."""
LONGEST_WORD = 40
INITIALS = re.compile(r"(?:[A-Za-z]\.)*[A-Za-z]")
NUMBER_OF_LIST = re.compile(r"(?:^|\n)[ \t]*(?:\d+|[A-Za-z])\Z")
EDGES = "\"'`*_~()[]{}<>.,;:!?\u201c\u201d\u2018\u2019\u2026"


def count_words(text: str) -> int:
    """Runs of letters, digits and underscores."""
    return len(WORD.findall(text))


def count_sentences(text: str) -> int:
    """Pieces between final signs that hold a word; the last needs no sign."""
    count, begin = 0, 0
    for sign in SIGN.finditer(text):
        if not _ends_sentence(text, sign):
            continue
        count += WORD.search(text, begin, sign.end()) is not None
        begin = sign.end()
    return count + (WORD.search(text, begin) is not None)


def _ends_sentence(text: str, sign: re.Match[str]) -> bool:
    if not sign[0].startswith(".") or sign[0].startswith(".."):
        return True
    before = text[: sign.start()]
    if NUMBER_OF_LIST.search(before):  # `1. First`
        return False
    words = before[-LONGEST_WORD:].split()
    word = words[-1].lstrip(EDGES) if words else ""
    rest = text[sign.end() :].lstrip()
    plain = word.replace(".", "").lower()
    initials = INITIALS.fullmatch(word) is not None and word != "I"
    if plain in MAYBE_LAST or (initials and len(plain) > 1 and plain not in ABBREVIATIONS):
        return not rest or rest[0].isupper()
    return not rest or not (initials or plain in ABBREVIATIONS)


def capital_words(text: str) -> int:
    """Words between white space, up to an apostrophe, with capital letters and no small ones."""
    return sum(re.split("['\u2019]", word.strip(EDGES))[0].isupper() for word in text.split())


def beginning(text: str) -> str:
    """The first word in small letters, up to its first punctuation, quotation marks before it left out."""
    words = text.split()
    letters = re.match(r"[^.,?!'\"]*", words[0].lstrip("'").lstrip('"')) if words else None
    return letters[0].lower() if letters else ""


def language_of(text: str) -> str | None:
    """The likeliest language, by its ISO 639-1 code; None where there is nothing to tell by."""
    from ontogeny.data.language import detect_languages
    from ontogeny.data.language_codes import language_names
    from ontogeny.data.texts import Texts

    if not any(character.isalpha() for character in text):
        return None
    codes, _ = detect_languages(Texts.of([text.encode("utf-8", "replace").decode()]))
    return language_names(codes)[0]
