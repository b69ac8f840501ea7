"""Planted texts are what they are called."""

from __future__ import annotations

import random

from ontogeny.data.decontaminate.index import words_of
from ontogeny.data.decontaminate.items import Item
from ontogeny.data.decontaminate.planted import (
    HALF_OF,
    edited,
    half,
    half_replaced,
    reformatted,
    shown,
    shuffled,
)

ITEM = Item(
    "s", "1", "Why, of all “things”, does the kettle whistle; and when?", "On kettles.", ("It is hot.", "x")
)
WORDS = [f"word{number}" for number in range(400)]


def test_an_item_is_shown_with_passage_and_answer() -> None:
    assert shown(ITEM) == f"On kettles.\n{ITEM.question}\nIt is hot."
    assert shown(Item("s", "2", "Why?")) == "Why?"


def test_another_form_has_the_same_words() -> None:
    for seed in range(5):
        text = reformatted(ITEM, random.Random(seed))
        assert text != reformatted(ITEM, random.Random(seed + 100)) or seed
        words, sought = words_of(text).tolist(), words_of(ITEM.question).tolist()
        assert any(words[at : at + len(sought)] == sought for at in range(len(words)))


def test_edits_change_about_a_tenth() -> None:
    text = edited(" ".join(WORDS), ["other"], random.Random(1)).split()
    assert 340 < len(set(text) & set(WORDS)) < 400 and text.count("other") > 10


def test_only_long_questions_have_a_half() -> None:
    words = WORDS[:HALF_OF]
    assert half(Item("s", "1", " ".join(words))) == " ".join(words[HALF_OF // 2 :])
    assert half(Item("s", "1", " ".join(words[1:]))) == ""


def test_look_alikes_keep_words_but_not_their_neighbours() -> None:
    text, rng = " ".join(WORDS), random.Random(1)
    assert sorted(shuffled(text, rng).split()) == sorted(WORDS) and shuffled(text, rng) != text
    replaced = half_replaced(text, ["other"], rng).split()
    assert replaced[::2] == WORDS[::2] and set(replaced[1::2]) == {"other"}
