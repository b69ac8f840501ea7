"""Parts of items by language, length and field."""

from __future__ import annotations

from typing import Any

import pytest

from ontogeny.core.errors import DataError
from ontogeny.evaluate.slices import is_slice, slices_of, text_of_document
from ontogeny.tasks.requests import Item

TEXTS = [
    "The house stands at the end of the street and nobody has lived there for years.",
    "Das Haus steht am Ende der Straße, und seit Jahren hat dort niemand mehr gewohnt.",
    "La maison se trouve au bout de la rue et personne n'y a habité depuis des années.",
    "The garden behind it has become a small forest in the meantime.",
]


def items(*documents: dict[str, Any]) -> list[Item]:
    return [Item(f"i{place}", "task", "g", document, ()) for place, document in enumerate(documents)]


def test_by_language() -> None:
    found = slices_of(items(*({"text": text} for text in TEXTS)), ["language"], suite="s")
    assert found == {"language=de": ("i1",), "language=en": ("i0", "i3"), "language=fr": ("i2",)}
    assert slices_of(items({"text": "", "n": 3}), ["language"], suite="s") == {"language=unknown": ("i0",)}


def test_by_length_into_thirds() -> None:
    found = slices_of(items(*({"text": "x" * size} for size in (5, 1, 9, 3, 7, 2))), ["length"], suite="s")
    assert found == {
        "length=short": ("i1", "i5"), "length=middling": ("i0", "i3"), "length=long": ("i2", "i4")
    }  # fmt: skip
    same = slices_of(items({"text": "ab"}, {"text": "cd"}), ["length"], suite="s")
    assert same == {"length=short": ("i0", "i1")}, "items of equal length are together"


def test_by_field_and_source() -> None:
    rows = items({"source": "a/b", "n": 2}, {"source": "c", "n": 10}, {"source": None, "n": 2})
    found = slices_of(rows, ["source", "field:n"], suite="s")
    assert found == {
        "source=a_b": ("i0",), "source=c": ("i1",), "source=unknown": ("i2",), "n=10": ("i1",), "n=2": ("i0", "i2")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "says"),
    [("field:topik", "no field 'topik'. Did you mean 'topic'?"), ("field:id", "31 different values of 'id'")],
)
def test_fields_that_do_not_serve_are_named(name: str, says: str) -> None:
    rows = items(*({"topic": "t", "id": number} for number in range(31)))
    with pytest.raises(DataError) as error:
        slices_of(rows, [name], suite="s")
    assert says in str(error.value)


def test_names_of_slices() -> None:
    assert all(map(is_slice, ("language", "length", "source", "field:x")))
    assert not any(map(is_slice, ("lang", "field:", "topic")))


def test_the_text_of_a_document_is_all_its_strings() -> None:
    assert (
        text_of_document({"a": "one", "b": 3, "c": ["two", {"d": "three"}], "e": None}) == "one\ntwo\nthree"
    )
