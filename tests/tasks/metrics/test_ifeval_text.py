"""What is counted, on texts whose counts anybody can check."""

from __future__ import annotations

import pytest

from ontogeny.tasks.metrics.ifeval_text import (
    beginning,
    capital_words,
    count_sentences,
    count_words,
    language_of,
)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", 0),
        ("...", 0),
        ("No final sign", 1),
        ("One. Two! Three? Four", 4),
        ("Really?! Yes... no.", 3),
        ('He said "go." She went.', 2),
        ("Pi is 3.14 and www.example.com is a site.", 1),
        ("Dr. J. R. Smith met Mrs. Jones, e.g. in Paris.", 1),
        ("He lives in the U.S. She does not.", 2),
        ("He lives in the U.S. and works.", 1),
        ("Apples, pears, etc. are fruit. Acme Inc. makes none.", 2),
        ("So do I. You too.", 2),
        ("1. First one.\n2. Second one.", 2),
        ("A heading\nOne sentence.", 1),
        ("我是。你是！", 2),
        ("मैं हूँ। तुम हो।", 2),
    ],
)
def test_sentences(text: str, sentences: int) -> None:
    assert count_sentences(text) == sentences


def test_words_are_runs_of_letters_and_digits() -> None:
    assert count_words("It's 3.5 well-known über_x!") == 7


def test_words_in_capitals() -> None:
    assert capital_words("I met \"NASA\" (USA), a DOG's B-52 and 42 Men. I'm --") == 6


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Weekend, yes", "weekend"),
        ("'\"It's", "it"),
        ("  A b", "a"),
        ("", ""),
        ("\n", ""),
        ("well-known b", "well-known"),
    ],
)
def test_the_first_word(text: str, word: str) -> None:
    assert beginning(text) == word


@pytest.mark.parametrize(
    ("text", "language"), [("Where is the nearest station?", "en"), ("42 :-)", None), ("", None)]
)
def test_languages(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_lone_surrogates_are_no_obstacle() -> None:
    assert language_of("Where is the nearest station? \ud800") == "en"
