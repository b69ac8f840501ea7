"""The self-check says what the search would do, and depends on neither order nor division of the corpus."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from ontogeny.data.decontaminate.self_check import ANOTHER_ITEM, search_items, self_check
from tests.data.decontaminate.test_corpus import decided, gone, rule_for

NOUNS = [f"{first}{second}" for first in ("tan", "bel", "cor", "dim", "fal", "gor") for second in
         ("ter", "ling", "mer", "dor", "sun", "wick", "ham", "by")]  # fmt: skip


def sentence(number: int, words: int) -> str:
    return " ".join(random.Random(number).choices(NOUNS, k=words))


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "exam.jsonl"
    rows = [
        {
            "id": str(number),
            "question": f"What is {sentence(number, 90 if number % 4 == 0 else 20)}?",
            "passage": sentence(number + 1000, 40),
            "answer": sentence(number + 2000, 3),
        }
        for number in range(40)
    ]
    rows.append({"id": "short", "question": "Why?", "passage": "", "answer": ""})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def documents(count: int = 30) -> dict[str, str]:
    return {str(number): f"{sentence(number + 5000, 60)} number {number}." for number in range(count)}


def shares(kinds: list[dict[str, Any]]) -> dict[str, float]:
    return {each["kind"]: each["found"] / each["planted"] for each in kinds}


def test_leaks_are_found_and_look_alikes_are_not(tmp_path: Path, items: Path) -> None:
    rule = rule_for(items)
    found = decided(tmp_path, rule, documents())
    contamination = search_items(found, rule)
    assert not gone(found), "what is planted is never written"
    check = contamination.figures()["self_check"]
    leaks, likes = shares(check["leaks"]), shares(check["look_alikes"])
    assert leaks["as it stands, with its answer"] == 40 / 41, "one is too short to be told"
    assert leaks["half of a long question"] == 1 and leaks["every tenth word changed"] > 0.6
    assert set(likes) == {
        ANOTHER_ITEM,
        "words in another order",
        "every other word replaced",
        "its passage without the question",
    }
    assert set(likes.values()) == {0.0}
    total = sum(each["found"] for each in check["leaks"]) / sum(each["planted"] for each in check["leaks"])
    assert check["recall"]["value"] == pytest.approx(total)
    low, high = check["recall"]["interval"]
    assert low < total < high
    assert check["precision"]["value"] == 1 and check["false_positives"]["value"] == 0
    assert check["items"] == 41
    missed = [each for each in check["wrong"] if each["text"] == "Why?"]
    assert missed and missed[0]["leak"] and missed[0]["taken_for"] is None


def test_settings_decide(tmp_path: Path, items: Path) -> None:
    """What cannot be found by strict settings shows, and so does what careless ones take for a leak."""
    strict = rule_for(items, require_answer=True, min_hits=None)
    check = search_items(decided(tmp_path / "a", strict, documents()), strict).self_check
    assert shares(check["leaks"])["half of a long question"] == 0
    drops = rule_for(items, context="drop")
    check = search_items(decided(tmp_path / "b", drops, documents()), drops).self_check
    assert "its passage without the question" not in shares(check["look_alikes"])


def test_twins_are_taken_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "twins.jsonl"
    rows = [
        {"id": f"{number}{twin}", "question": f"What is {sentence(number, 60)} {twin} times?"}
        for number in range(10)
        for twin in ("three", "four")
    ]
    rows += rows[:2]  # copies are no twins: they are the same question
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rule = rule_for(path)
    check = search_items(decided(tmp_path, rule, documents()), rule).self_check
    assert shares(check["look_alikes"])[ANOTHER_ITEM] == 1
    assert check["precision"]["value"] == 0.8
    (wrong, _) = [each for each in check["wrong"] if not each["leak"]]
    assert wrong["kind"] == ANOTHER_ITEM and wrong["taken_for"].startswith("What is")


def test_neither_order_nor_division_matters(tmp_path: Path, items: Path) -> None:
    rule = rule_for(items)
    checks = []
    for number, texts in enumerate([documents(), dict(reversed(documents().items()))]):
        for portions in (1, 3):
            found = decided(tmp_path / str(number), rule, texts, portions=portions)
            checks.append(search_items(found, rule).self_check)
    assert all(check == checks[0] for check in checks[1:])


def test_a_corpus_without_a_clean_document_is_checked_all_the_same(tmp_path: Path, items: Path) -> None:
    rule = rule_for(items)
    found = decided(tmp_path, rule, documents(1))
    contamination = search_items(found, rule)
    found.reason[:] = 0
    check = self_check(found, rule, contamination)
    assert shares(check["leaks"])["as it stands, with its answer"] == 40 / 41
