"""The score prefers sentences to menus, and more of them to fewer."""

from __future__ import annotations

import pytest

from ontogeny.data.extract.extracted import NotExtractedError
from ontogeny.data.extract.fragment import fragment_text
from ontogeny.data.extract.page import extract_page
from ontogeny.data.extract.score import score_text
from ontogeny.data.extract.workers import Limits

SENTENCE = "This is a sentence that ends as one should.\n"


def test_clean_text_scores_above_text_with_menus() -> None:
    assert score_text(SENTENCE * 9) > score_text(SENTENCE * 9 + "Home\nAbout us\nLog in\n" * 5)


def test_of_two_clean_texts_the_longer_scores_higher() -> None:
    assert score_text(SENTENCE * 9) > score_text(SENTENCE * 3) > 0


def test_nothing_and_menus_score_nothing() -> None:
    assert score_text("") == score_text("Home\nAbout us") == 0.0


def test_scripts_without_spaces_have_sentences_too() -> None:
    assert score_text("我们在这里写一个足够长的句子，它像所有的句子一样有一个结尾。") > 2


def test_union_keeps_the_better_of_the_results() -> None:
    page = f"<html><body><nav><a href=x>Home</a></nav><article><p>{SENTENCE * 9}</p></article></body></html>"
    best = extract_page(page, "union", Limits())
    single = [extract_page(page, "fast", Limits()).score, extract_page(page, "quality", Limits()).score]
    assert best.score >= max(single)


def test_a_page_without_text_says_so() -> None:
    with pytest.raises(NotExtractedError, match="the page has no main text"):
        extract_page("<html></html>", "quality", Limits())


def test_fragments_keep_lists_and_code() -> None:
    html = "<p>Do:</p><ul><li>one</li><li>two</li></ul><pre><code>if x:\n    y()\n</code></pre><p>End&nbsp;now.</p>"
    text = fragment_text(html)
    assert "- one" in text and "if x:\n    y()" in text and text.endswith("End now.")
