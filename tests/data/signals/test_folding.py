"""The folding table, against the rules said one character at a time."""

from __future__ import annotations

import unicodedata

import pytest

from ontogeny.data.signals.folding import (
    DIGIT,
    OWN_WORD,
    SEPARATOR,
    SKIPPED,
    TABLE_SIZE,
    UNSPACED,
    folding_table,
)


def symbol(character: str) -> int:
    category = unicodedata.category(character)
    if category == "Nd":
        return DIGIT
    if category in {"Mn", "Cf"}:
        return SKIPPED
    if category[0] in "PSZC":
        return SEPARATOR
    lower = character.lower().replace("ς", "σ")
    bases = [each for each in unicodedata.normalize("NFD", lower) if unicodedata.category(each) != "Mn"]
    base = ord(bases[0]) if len(bases) == 1 else ord(lower[0])
    unspaced = any(first <= ord(character) <= last for first, last in UNSPACED)
    return base | OWN_WORD if unspaced else base


def test_every_code_point_has_the_symbol_of_the_rules() -> None:
    table = folding_table()
    assert table.tolist() == [symbol(chr(code)) for code in range(TABLE_SIZE)]


@pytest.mark.parametrize(("character", "same"), [("É", "e"), ("Σ", "ς"), ("Å", "a"), ("７", "3"), ("ß", "ß")])
def test_characters_that_count_as_the_same(character: str, same: str) -> None:
    table = folding_table()
    assert table[ord(character)] == table[ord(same)]


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        folding_table()[0] = 1
