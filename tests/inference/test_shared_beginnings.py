"""Texts laid out in one row: each can be read back, and what is shared stands there once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.inference.shared_beginnings import LEAST_SHARED, Ids, lay_out, passes

FEW_TOKENS = st.lists(
    st.integers(0, 1), min_size=1, max_size=4 * LEAST_SHARED
)  # so that beginnings are often shared


def sorted_texts(texts: list[list[int]]) -> list[Ids]:
    return [np.array(text, dtype=np.int64) for text in sorted({tuple(text) for text in texts})]


@given(st.lists(FEW_TOKENS, min_size=1, max_size=12))
def test_each_text_is_read_back(several: list[list[int]]) -> None:
    texts = sorted_texts(several)
    layout = lay_out(texts)
    row = layout.tokens[0].numpy()
    assert len(row) == layout.branches.length <= sum(map(len, texts))
    positions = layout.branches.positions(layout.tokens.device)[0].numpy()
    for text, rows in zip(texts, layout.rows, strict=True):
        assert row[rows].tolist() == text.tolist()
        assert positions[rows].tolist() == list(range(len(text)))


def test_what_is_shared_stands_there_once() -> None:
    question, examples = list(range(100, 120)), list(range(50))
    several = [examples + question + [answer] for answer in (1, 2, 3)] + [examples + [7] * 30]
    layout = lay_out(sorted_texts(several))
    assert layout.branches.length == 50 + 20 + 3 + 30


def test_short_beginnings_are_not_shared() -> None:
    shared = list(range(LEAST_SHARED - 1))
    assert lay_out(sorted_texts([[*shared, 100], [*shared, 200]])).branches.length == 2 * LEAST_SHARED
    longer = [*shared, 50]
    assert lay_out(sorted_texts([[*longer, 100], [*longer, 200]])).branches.length == LEAST_SHARED + 2


def test_a_text_that_begins_another_is_its_beginning() -> None:
    text = list(range(20))
    layout = lay_out(sorted_texts([text, text[:12]]))
    assert layout.branches.length == 20


@given(st.lists(FEW_TOKENS, min_size=1, max_size=20), st.integers(1, 100))
def test_passes_take_every_text_once_and_about_as_many_tokens_as_wanted(
    several: list[list[int]], tokens: int
) -> None:
    texts = sorted_texts(several)
    runs = list(passes(texts, tokens=tokens))
    assert [number for run in runs for number in run] == list(range(len(texts)))
    for run in runs:
        if len(run) > 1:
            layout = lay_out([texts[number] for number in run])
            assert layout.branches.length <= tokens + LEAST_SHARED * len(run)
