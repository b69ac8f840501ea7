"""Phrases about what happened to items, for any number of them."""

from __future__ import annotations

from ontogeny.evaluate.remarks import doubled_choices, lost_items


def test_models_of_which_the_same_is_true_are_named_together() -> None:
    counts = {"left_out_items": 1, "truncated_prompts": 2, "doubled_choices": 3}
    assert lost_items({"a": counts, "b": counts, "c": {"left_out_items": 0}}) == [
        "1 item left out: a text to score is longer than the context (a, b)",
        "2 prompts cut at the beginning: longer than the context (a, b)",
    ]


def test_of_many_models_the_first_are_named() -> None:
    (said,) = lost_items({name: {"left_out_items": 2} for name in "abcde"})
    assert said == "2 items left out: a text to score is longer than the context (a, b, c, 2 more)"


def test_nothing_happened() -> None:
    assert lost_items({"a": {"left_out_items": 0, "truncated_prompts": 0}}) == []


def test_one_item_is_no_plural() -> None:
    assert doubled_choices(1) == "1 item with two equal choices, of which the first counts as chosen"
