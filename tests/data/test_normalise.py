"""One spelling for one text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.data.normalise import Normalise, normalise

DEFAULT = Normalise()


@given(st.text(max_size=60), st.sampled_from(["NFC", "NFKC", None]))
def test_twice_is_once(text: str, form: str | None) -> None:
    config = Normalise(unicode=form)  # type: ignore[arg-type]
    once = normalise(text, config)
    assert normalise(once, config) == once


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff"), max_size=60))
def test_plain_text_is_composed_and_else_as_it_was(text: str) -> None:
    assert normalise(text, DEFAULT) == unicodedata.normalize("NFC", text)
    assert normalise(text, Normalise(unicode=None)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\fd\ve", "a\nb\nc\nd\ne"),
        ("a\x00b\x1bc\x7fd\x85e", "abcde"),
        ("\ufefftext", "text"),
        ("tab\tstays\n", "tab\tstays\n"),
        ("e\u0301", "é"),
        ("ﬁ", "ﬁ"),
    ],
)
def test_what_changes(text: str, expected: str) -> None:
    assert normalise(text, DEFAULT) == expected


def test_compatibility_forms_are_folded_on_request() -> None:
    assert normalise("ﬁ", Normalise(unicode="NFKC")) == "fi"
