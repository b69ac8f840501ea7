"""The 25 kinds of instruction of IFEval, each a rule that a text follows or not.

Source: Zhou et al. 2023, arXiv 2311.07911, table 1. Where its sentence leaves room, the rule decides as the authors'
own checkers do: keywords match within words, forbidden ones only whole words; a bullet begins with `*` or `-`; at least
so many sections, highlights and placeholders, but exactly so many bullets and paragraphs. Other than there, languages
are told by fastText's lid.176, a text without a word is in no language, empty paragraphs are none, and sentences and
words in capitals are found by the rules in `ifeval_text`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ontogeny.core.errors import nearest
from ontogeny.tasks.metrics.ifeval_text import (
    beginning,
    capital_words,
    count_sentences,
    count_words,
    language_of,
)

ENGLISH = "en"
RELATIONS: Mapping[str, Callable[[int, int], bool]] = {
    "at least": lambda count, bound: count >= bound,
    "less than": lambda count, bound: count < bound,
}
CONSTRAINED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
POSTSCRIPTS = {"P.S.": r"p\.\s?s\.", "P.P.S": r"p\.\s?p\.\s?s"}
PARAGRAPH_RULE = re.compile(r"\s?\*\*\*\s?")
PARAGRAPH_BREAK = "\n\n"
ANSWER_BREAK = "******"
BULLET = re.compile(r"^\s*(?:\*[^*].*|-.*)$", re.MULTILINE)
HIGHLIGHTS = (re.compile(r"\*[^\n*]*\*"), re.compile(r"\*\*[^\n*]*\*\*"))
TITLE = re.compile(r"<<[^\n]+>>")
PLACEHOLDER = re.compile(r"\[.*?\]")
FENCE = re.compile(r"\A(?:```(?:json)?)?(.*?)(?:```)?\Z", re.DOTALL | re.IGNORECASE)


def follows(name: str, text: str, given: Mapping[str, Any]) -> bool:
    """Whether `text` follows the instruction `name` with its arguments; `mistake_in` has found none in them."""
    return RULES[name](text, **given)


def mistake_in(name: str, given: Mapping[str, Any]) -> str | None:
    """What is wrong with an instruction and its arguments."""
    if name not in RULES:
        return f"unknown instruction {name!r}.{nearest(name, RULES)}"
    try:
        inspect.signature(RULES[name]).bind("", **given)
    except TypeError as error:
        return f"instruction {name!r}: {error}"
    relations = [value for key, value in given.items() if key.endswith("relation") and value not in RELATIONS]
    return f"instruction {name!r}: {relations[0]!r} is none of {', '.join(RELATIONS)}" if relations else None


def _keywords(text: str, *, keywords: Sequence[str]) -> bool:
    return all(re.search(re.escape(word), text, re.IGNORECASE) for word in keywords)


def _keyword_frequency(text: str, *, keyword: str, frequency: int, relation: str) -> bool:
    return RELATIONS[relation](len(re.findall(re.escape(keyword), text, re.IGNORECASE)), frequency)


def _forbidden(text: str, *, forbidden_words: Sequence[str]) -> bool:
    return not any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in forbidden_words)


def _letter_frequency(text: str, *, letter: str, let_frequency: int, let_relation: str) -> bool:
    return RELATIONS[let_relation](text.lower().count(letter.lower()), let_frequency)


def _language(text: str, *, language: str) -> bool:
    return language_of(text) == language.partition("-")[0]


def _sentences(text: str, *, num_sentences: int, relation: str) -> bool:
    return RELATIONS[relation](count_sentences(text), num_sentences)


def _words(text: str, *, num_words: int, relation: str) -> bool:
    return RELATIONS[relation](count_words(text), num_words)


def _paragraphs(text: str, *, num_paragraphs: int) -> bool:
    """Between lines of three asterisks; one at the very beginning or end encloses nothing."""
    pieces = _without_empty_ends(PARAGRAPH_RULE.split(text))
    return len(pieces) == num_paragraphs and all(map(str.strip, pieces))


def _paragraph_first_word(text: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    pieces = [piece for piece in text.split(PARAGRAPH_BREAK) if piece.strip()]
    if len(pieces) != num_paragraphs or not 1 <= nth_paragraph <= num_paragraphs:
        return False
    return beginning(pieces[nth_paragraph - 1]) == first_word.lower()


def _placeholders(text: str, *, num_placeholders: int) -> bool:
    return len(PLACEHOLDER.findall(text)) >= num_placeholders


def _postscript(text: str, *, postscript_marker: str) -> bool:
    marker = POSTSCRIPTS.get(postscript_marker.strip(), re.escape(postscript_marker.strip()))
    return re.search(marker, text, re.IGNORECASE) is not None


def _bullets(text: str, *, num_bullets: int) -> bool:
    return len(BULLET.findall(text)) == num_bullets


def _constrained(text: str) -> bool:
    return any(answer in text for answer in CONSTRAINED)


def _highlights(text: str, *, num_highlights: int) -> bool:
    marked = [one for pattern in HIGHLIGHTS for one in pattern.findall(text)]
    return sum(bool(one.strip("*").strip()) for one in marked) >= num_highlights


def _sections(text: str, *, section_spliter: str, num_sections: int) -> bool:
    """Marked with the word and a number."""
    return len(re.findall(rf"{re.escape(section_spliter.strip())}\s?\d+", text)) >= num_sections


def _json(text: str) -> bool:
    inner = FENCE.match(text.strip())
    try:
        json.loads(inner[1] if inner else text)
    except (ValueError, RecursionError):
        return False
    return True


def _title(text: str) -> bool:
    return any(one.strip("<>").strip() for one in TITLE.findall(text))


def _two_answers(text: str) -> bool:
    pieces = [piece.strip() for piece in _without_empty_ends(text.split(ANSWER_BREAK))]
    return len(pieces) == 2 and all(pieces) and pieces[0] != pieces[1]


def _repeats_prompt(text: str, *, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def _ends_with(text: str, *, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def _capital_words(text: str, *, capital_frequency: int, capital_relation: str) -> bool:
    return RELATIONS[capital_relation](capital_words(text), capital_frequency)


def _english_capitals(text: str) -> bool:
    return text.isupper() and language_of(text.lower()) == ENGLISH


def _english_lowercase(text: str) -> bool:
    return text.islower() and language_of(text) == ENGLISH


def _no_comma(text: str) -> bool:
    return "," not in text


def _quoted(text: str) -> bool:
    whole = text.strip()
    return len(whole) > 1 and whole.startswith('"') and whole.endswith('"')


def _without_empty_ends(pieces: list[str]) -> list[str]:
    first = 0 if pieces[0].strip() else 1
    last = len(pieces) if pieces[-1].strip() else len(pieces) - 1
    return pieces[first:last]


RULES: Mapping[str, Callable[..., bool]] = {
    "keywords:existence": _keywords,
    "keywords:frequency": _keyword_frequency,
    "keywords:forbidden_words": _forbidden,
    "keywords:letter_frequency": _letter_frequency,
    "language:response_language": _language,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_words": _words,
    "length_constraints:nth_paragraph_first_word": _paragraph_first_word,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:constrained_response": _constrained,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
    "combination:two_responses": _two_answers,
    "combination:repeat_prompt": _repeats_prompt,
    "startend:end_checker": _ends_with,
    "startend:quotation": _quoted,
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": _english_capitals,
    "change_case:english_lowercase": _english_lowercase,
    "punctuation:no_comma": _no_comma,
}
