"""What the page says of copies of corpora made before."""

from __future__ import annotations

from ontogeny.data.report.against import add_against
from ontogeny.report.page import Page

DOCUMENT = {"doc_id": "a" * 32, "source": "web", "locator": "file#1", "text": "some text"}


def lead_of(exact: int, near: int) -> str:
    page = Page("Corpus")
    found = {"documents": 7, "exact": exact, "near": near}
    add_against(page, {"against": {"crawl/corpus@3": found}})
    return page.sections[0].lead


def test_one_is_not_spoken_of_as_many() -> None:
    assert lead_of(1, 0).startswith("1 document went since a corpus made before has it;")
    assert lead_of(2, 3).startswith("5 documents went since a corpus made before has them;")
    assert lead_of(0, 0).startswith("0 documents went")


def test_an_example_shows_both() -> None:
    page = Page("Corpus")
    example = {"went": {**DOCUMENT, "source": "later"}, "stays": DOCUMENT}
    figures = {"documents": 7, "exact": 1, "near": 0, "example": example}
    add_against(page, {"against": {"crawl/corpus@3": figures}})
    shown = page.render()
    for words in ("a copy of a document of crawl/corpus@3", "stays (web)", "went (later)", "file#1"):
        assert words in shown


def test_without_such_corpora_nothing_is_said() -> None:
    page = Page("Corpus")
    add_against(page, {})
    assert not page.sections
