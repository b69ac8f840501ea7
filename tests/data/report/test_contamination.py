"""The section on evaluation items: what was found, and how far the search can be trusted."""

from __future__ import annotations

from typing import Any

from ontogeny.data.report.contamination import add_contamination
from ontogeny.report.page import Page

SHARE = {"value": 0.75, "interval": [0.5, 0.9]}
FOUND: dict[str, Any] = {
    "candidates": 3,
    "items_too_short_to_tell": 2,
    "suites": {
        "arc": {"items": 10, "contaminated": 4, "context_only": 1, "documents": 6},
        "mmlu": {"items": 90, "contaminated": 0, "context_only": 0, "documents": 0},
        "piqa": {"items": 5, "contaminated": 0, "context_only": 0, "documents": 0},
    },
    "self_check": {
        "items": 20,
        "leaks": [{"kind": "as it stands", "planted": 4, "found": 3, "interval": [0.5, 0.9]}],
        "look_alikes": [{"kind": "shuffled", "planted": 4, "found": 1, "interval": [0.1, 0.4]}],
        "recall": SHARE,
        "precision": None,
        "false_positives": SHARE,
        "wrong": [
            {
                "kind": "as it stands",
                "leak": True,
                "suite": "arc",
                "text": "a <missed> one",
                "taken_for": None,
            },
            {"kind": "shuffled", "leak": False, "suite": "arc", "text": "words", "taken_for": "an item"},
        ],
    },
}


def rendered(found: dict[str, Any]) -> str:
    page = Page("Corpus")
    add_contamination(page, {"contamination": [found]})
    return page.render()


def test_suites_and_the_self_check_are_shown() -> None:
    html = rendered(FOUND)
    for word in ("arc", "40.0%", "2 others", "2 items are too short", "50.0% to 90.0%", "share found"):
        assert word in html
    assert "missed: as it stands" in html and "a &lt;missed&gt; one" in html
    assert "taken for a leak: shuffled" in html and "an item" in html
    assert "precision: finds" not in html, "of nothing found there is no precision"


def test_clean_suites_are_one_row() -> None:
    clean = {name: {**each, "documents": 0, "contaminated": 0} for name, each in FOUND["suites"].items()}
    html = rendered({**FOUND, "suites": clean})
    assert "all suites" in html and "105" in html and "mmlu" not in html


def test_figures_of_an_older_version_have_no_check() -> None:
    html = rendered({name: each for name, each in FOUND.items() if name != "self_check"})
    assert "Evaluation items" in html and "recall" not in html


def test_without_a_search_there_is_no_section() -> None:
    page = Page("Corpus")
    add_contamination(page, {})
    assert page.sections == []
