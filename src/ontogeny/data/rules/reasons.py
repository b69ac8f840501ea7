"""Reasons that are given to documents by the pipeline itself and by the rules of fixed names.

A rule whose reason the recipe chooses (`expression`) may take none of them, or drops of two causes would be one number.
"""

from __future__ import annotations

from ontogeny.records.row import Fault

READING = (
    *(
        "empty",
        "redirect",
        "not_an_article",
        "not_wikitext",
        "article_too_long",
        "no_text",
        "no_question",
        "not_a_post",
    ),
    *(
        "low_score",
        "no_documentation",
        "file_too_large",
        "page_too_large",
        "message_too_large",
        "damaged_message",
    ),
    *(
        "too_many_pages",
        "too_many_attributes",
        "nested_too_deeply",
        "extraction_timeout",
        "extraction_failed",
        "encrypted",
    ),
    *("revisit", "http_status", "truncated", "damaged_page", "not_html"),
)
QUESTIONS = ("no_description", "repeated_description", "also_in_training", "too_few_choices")
"""Of the step `examples`, where it makes its own."""
LEAKS = ("also_in_test", "also_in_held_out", "near_copy_of_test", "near_copy_of_held_out")
"""Of the step `examples`, where it divides those that people bring."""
CORPUS = (
    *("exact_duplicate", "near_duplicate", "exact_duplicate_of_old", "near_duplicate_of_old"),
    *("repeated_spans", "contaminated", "context_only"),
)
RULES = (
    *("too_short", "too_long", "language_other", "language_unsure", "toxic_words"),
    *("blocked_domain", "blocked_url", "blocked_words"),
)
FAMILIES = ("gopher_", "c4_", "fineweb_", "pii_")
"""What the reasons of the published rules and of `pii` begin with."""

RESERVED = frozenset((*map(str, Fault), *READING, *QUESTIONS, *LEAKS, *CORPUS, *RULES))


def is_reserved(reason: str) -> bool:
    """Whether something else than a rule of that name in the recipe may drop documents for `reason`."""
    return reason in RESERVED or reason.startswith(FAMILIES)
