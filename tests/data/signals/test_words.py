"""Counts of words and of repeated runs of words, against slow and obvious versions and cases counted by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.data.signals.lines import LINES
from ontogeny.data.signals.words import (
    REPETITION,
    REPETITION_COLUMNS,
    WORD_COLUMNS,
    WORDS,
    compute_together,
    measure_words,
)
from ontogeny.data.texts import Texts


def test_words_by_hand() -> None:
    counts = measure_words(Texts.of(["The cat, to be sure, isn't 12 #!", "", "   "]), repetition=False)
    # The cat , to be sure , is n't 12 # !
    assert {name: counts[name].tolist() for name in WORD_COLUMNS} == {
        "words": [12, 0, 0],
        "counted_words": [8, 0, 0],  # without , , # !
        "counted_word_chars": [3 + 3 + 2 + 2 + 4 + 2 + 3 + 2, 0, 0],
        "alphabetic_words": [7, 0, 0],  # not 12
        "stop_words": [2, 0, 0],  # to, be; The has a capital
    }


def test_all_eight_stop_words_count_once_each() -> None:
    text = "the be to of and that have with the be “with” (of)"
    assert measure_words(Texts.of([text]), repetition=False)["stop_words"].tolist() == [8]


def test_repetition_by_hand() -> None:
    # Golden numbers of datatrove 0.10.1.
    text = "the cat sat on the mat and the cat sat on the mat and the cat sat on the rug today"
    counts = measure_words(Texts.of([text]), repetition=True)
    assert [int(counts[name][0]) for name in REPETITION_COLUMNS] == [21, 33, 42, 29, 34, 20, 23, 26, 29]


def test_too_few_words_have_no_runs_and_the_first_run_is_the_most_frequent_of_single_ones() -> None:
    counts = measure_words(Texts.of(["one", "one two three"]), repetition=True)
    assert [counts[name].tolist() for name in REPETITION_COLUMNS[:3]] == [[0, 7], [0, 13], [0, 0]]


def obvious(words: list[str]) -> list[int]:
    """What datatrove counts, word by word."""
    numbers = []
    for n in (2, 3, 4):
        runs = Counter(" ".join(words[at : at + n]) for at in range(len(words) - n + 1))
        numbers.append(len(runs.most_common(1)[0][0]) * runs.most_common(1)[0][1] if runs else 0)
    for n in range(5, 11):
        met: set[tuple[str, ...]] = set()
        chars = at = 0
        while at < len(words) - n + 1:
            run = tuple(words[at : at + n])
            if run in met:
                chars += len("".join(run))
                at += n
            else:
                met.add(run)
                at += 1
        numbers.append(chars)
    return numbers


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.lists(st.sampled_from(["ab", "c", "déf", "x", "the"]), max_size=60), max_size=4))
def test_repetition_is_that_of_the_obvious_version(texts: list[list[str]]) -> None:
    counts = measure_words(Texts.of([" ".join(words) for words in texts]), repetition=True)
    for row, words in enumerate(texts):
        assert [int(counts[name][row]) for name in REPETITION_COLUMNS] == obvious(words)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.text(alphabet="ab .\n'é", max_size=40), min_size=1, max_size=6))
def test_batches_do_not_matter(strings: list[str]) -> None:
    together = compute_together([WORDS, REPETITION, LINES], Texts.of(strings))
    apart = [compute_together([WORDS, REPETITION, LINES], Texts.of([string])) for string in strings]
    for name, column in together.items():
        assert np.array_equal(column, np.concatenate([one[name] for one in apart]))


def test_groups_give_the_columns_they_name() -> None:
    texts = Texts.of(["a b c. d e"])
    for group in (WORDS, REPETITION, LINES):
        assert tuple(group.compute(texts)) == group.columns


def test_large_texts_and_long_chunks_need_no_more_than_they_are() -> None:
    counts = measure_words(Texts.of(["(" * 300_000, "a", "ab " * 200_000, "x-" * 100_000]), repetition=True)
    assert counts["words"].tolist() == [300_000, 1, 200_000, 199_999]
    assert counts["duplicate_10_gram_chars"].tolist()[2] > 0.99 * 2 * 200_000
