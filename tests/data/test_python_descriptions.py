"""Which sentence of a docstring describes."""

from __future__ import annotations

import pytest

from ontogeny.data.python_descriptions import describe, folded


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("Return the sum of two numbers.\n\nMore.", "Return the sum of two numbers."),
        ("Return the\nsum of two. Or three.", "Return the sum of two."),
        ("Parse e.g. Python 3.5 code quickly. Then stop.", "Parse e.g. Python 3.5 code quickly."),
        ("no capital and no full stop", "no capital and no full stop"),
        ("A thread is started here.", "A thread is started here."),
        ("f(a, b) -> int\n\nReturn the sum of both.", "Return the sum of both."),
        ("Turn the file's name around.", "Turn the file's name around."),
    ],
)
def test_the_first_sentence_of_prose(docstring: str, expected: str) -> None:
    assert describe(docstring) == expected


@pytest.mark.parametrize(
    "docstring",
    [
        "Internal function.",
        ">>> f(1) and then some",
        "D.get(k[,d]) returns D[k] if there",
        "read(size) -> bytes, or nothing at all",
        "rule ::= one two three four",
        "**DEPRECATED** do not use this one",
        "Deprecated since version 3.5 of it.",
        "Arguments (only dir is required):",
        "x" * 30 + " is a very long word" * 20,
    ],
)
def test_what_describes_nothing(docstring: str) -> None:
    assert describe(docstring) is None


def test_folding_forgets_lines_case_and_the_full_stop() -> None:
    assert folded("Return\n  the Sum. ") == folded("return the sum") == "return the sum"
