"""The n-grams of items, and finding them in texts, against slow references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.decontaminate.index import OverlapIndex, build_index, count_hits, n_grams, words_of
from ontogeny.data.decontaminate.items import Item
from ontogeny.data.decontaminate.match import Match, matches_in
from ontogeny.data.texts import Texts

WORDS = [f"w{number}" for number in range(40)]
QUESTION = (
    "Why does the copper kettle whistle so much louder in the cold kitchen than it does outside on the stove"
)


def index_of(*items: Item, n_gram: int = 8, max_items: int = 4) -> OverlapIndex:
    return build_index(items, n_gram=n_gram, max_items=max_items)


def found(text: str, index: OverlapIndex) -> list[Match]:
    texts = Texts.of([text])
    return matches_in(texts.data, 0, len(texts.data), index)


def test_words_are_folded_but_digits_are_not() -> None:
    assert words_of("The Café, and 12!").tolist() == words_of("the cafe AND\n12").tolist()
    assert words_of("12 apples").tolist() != words_of("13 apples").tolist()
    assert words_of("1,200").tolist() == words_of("1 200").tolist()
    assert words_of("٣").tolist() == words_of("3").tolist()


@given(st.lists(st.sampled_from(WORDS), max_size=30), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_n_grams_are_equal_where_their_words_are(words: list[str], n_gram: int) -> None:
    grams = n_grams(words_of(" ".join(words)), n_gram).tolist()
    expected = [tuple(words[start : start + n_gram]) for start in range(len(words) - n_gram + 1)]
    assert len(grams) == len(expected)
    assert len(set(zip(grams, expected, strict=True))) == len(set(grams)) == len(set(expected))


@given(
    questions=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=40), min_size=1, max_size=6),
    texts=st.lists(st.lists(st.sampled_from(WORDS), max_size=60), max_size=5),
    pick=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_hits_are_counted_as_a_set_would(
    questions: list[list[str]], texts: list[list[str]], pick: int
) -> None:
    texts = [*texts, questions[pick % len(questions)] * 2]
    index = index_of(*(Item("s", str(n), " ".join(each)) for n, each in enumerate(questions)), max_items=99)
    grams: dict[tuple[str, ...], int] = {}
    for words in questions:
        length = 8 if len(words) >= 16 else 5
        own = {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}
        grams |= {gram: max(grams.get(gram, 1), 2 if len(own) <= 2 else 1) for gram in own}
    slow = [
        sum(
            grams.get(gram, 0)
            for gram in {tuple(w[at : at + n]) for n in (5, 8) for at in range(len(w) - n + 1)}
        )
        for w in texts
    ]
    assert count_hits(Texts.of([" ".join(words) for words in texts]), index).tolist() == slow


def test_hits_do_not_depend_on_batches_or_blocks() -> None:
    long = " ".join(f"x{number}" for number in range(3000))
    texts = [
        long + " " + QUESTION,
        QUESTION,
        long,
        "",
        QUESTION + " " + long,
        f"{long[:7000]} {QUESTION} {long}",
    ]
    index = index_of(Item("s", "1", QUESTION))
    together = count_hits(Texts.of(texts), index)
    alone = [int(count_hits(Texts.of([text]), index)[0]) for text in texts]
    assert together.tolist() == alone == [13, 13, 0, 0, 13, 13]


def test_templates_lead_nowhere() -> None:
    start = "which of the following statements about the subject named here is the most likely to be true of"
    items = [Item("s", str(n), f"{start} {WORDS[n]} {WORDS[n + 6]} {WORDS[n + 12]}") for n in range(6)]
    assert found(f"{start} something else entirely", index_of(*items, max_items=4)) == []
    assert len(found(f"{start} something else entirely", index_of(*items, max_items=6))) == 6
    copies = [Item("s", str(n), items[0].question) for n in range(9)]
    assert len(found(items[0].question, index_of(*copies, max_items=4))) == 9


def test_the_closer_look_counts_what_a_question_has_of_its_own() -> None:
    start = "which of the following statements about the subject named here is the most likely to be true of"
    items = [Item("s", str(n), f"{start} {' '.join(WORDS[n : n + 6])}") for n in range(0, 36, 6)]
    shares = {match.entry: match.share for match in found(items[2].question, index_of(*items, max_items=4))}
    assert shares[2] == 1.0
    assert all(share < 0.5 for entry, share in shares.items() if entry != 2)


def test_a_short_question_counts_with_its_answer() -> None:
    index = index_of(
        Item("s", "1", "Why is the sky blue?", answers=("Rayleigh scattering of sunlight by air",))
    )
    assert found("Why is the sky blue? he asked, and nobody could say", index)[0].share < 0.5
    (match,) = found("Q: Why is the sky blue? A: Rayleigh scattering of sunlight by air.", index)
    assert match.share > 0.6
    assert match.answer
    assert match.telling


def test_what_is_too_short_to_tell_is_counted() -> None:
    index = index_of(Item("s", "1", "a bucket"), Item("s", "2", QUESTION))
    assert index.untold == (0,)
    assert index_of(Item("s", "1", "a bucket")).grams == 0
    assert count_hits(Texts.of(["a bucket"]), index_of(Item("s", "1", "a bucket"))).tolist() == [0]


@pytest.mark.parametrize(
    ("answer", "stands", "telling"),
    [("no", True, False), ("cold metal rings", True, True), ("steam", False, False)],
)
def test_answers_nearby(answer: str, stands: bool, telling: bool) -> None:
    index = index_of(Item("s", "1", QUESTION, answers=(answer,)))
    (match,) = found(f"{QUESTION}? no, it is that cold metal rings", index)
    assert (match.answer, match.telling) == (stands, telling)
    far = " ".join(["word"] * 200)
    assert not found(f"{QUESTION}? {far} {answer}", index)[0].answer


def test_one_word_in_ten_may_differ() -> None:
    words = QUESTION.split()
    words[4], words[13] = "pot", "there"
    (match,) = found("before " * 500 + " ".join(words) + " after" * 500, index_of(Item("s", "1", QUESTION)))
    assert 0.6 < match.share < 1
    assert len(match.grams) == len(np.unique(match.grams))
