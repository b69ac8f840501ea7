"""Entries of a list in texts, against C4's regular expression."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.phrase_list import PhraseList
from ontogeny.data.texts import Texts


def counts(entries: list[str], texts: list[str]) -> list[int]:
    found: list[int] = PhraseList.of(entries).counts(Texts.of(texts)).tolist()
    return found


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(st.text(alphabet="ab é-", min_size=1, max_size=4), min_size=1, max_size=4),
    st.lists(st.text(alphabet="ab é-_1.\n", max_size=14), min_size=1, max_size=5),
)
def test_c4s_regular_expression_finds_the_same(entries: list[str], texts: list[str]) -> None:
    pattern = re.compile(r"(?:\W|^)({})(?:\W|$)".format("|".join(map(re.escape, entries))))
    assert [count > 0 for count in counts(entries, texts)] == [bool(pattern.search(text)) for text in texts]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("foul", 1),
        ("a foul, (foul) word", 2),
        ("foully afoul foul_ foul2", 0),
        ("two words here", 1),
        ("two  words", 0),
        ("x", 1),
        ("xx", 0),
        ("fou\u0308l", 0),  # a mark is part of its letter
    ],
)
def test_places(text: str, count: int) -> None:
    assert counts(["foul", "two words", "x"], [text]) == [count]


def test_scripts_without_spaces_need_none() -> None:
    texts = ["男性的です", "ประเทศไทยครับ", "性", "abc"]
    assert counts(["性", "ไทย", "b"], texts) == [1, 1, 1, 0]
