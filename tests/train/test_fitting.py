"""Best fit against a slow one that follows its five rules, and the law of what it cuts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.train.fitting import LOOKS, _fill, fitting_order
from ontogeny.train.order import Int64s

short = st.lists(st.integers(1, 30), min_size=1, max_size=40)
long = st.lists(st.integers(1, 200), min_size=1, max_size=40)
just_over_half = st.lists(st.integers(13, 16), min_size=1, max_size=40)
all_lengths = st.one_of(short, long, just_over_half)


def slowly(length: list[int], seq_len: int) -> tuple[list[int], list[int]]:
    """The rules, one document at a time: the order, and the documents taken where none fitted."""
    left = list(range(len(length)))
    order: list[int] = []
    unfitting: list[int] = []
    room = seq_len

    def beyond(document: int) -> int:
        return (length[document] - 1) % seq_len + 1

    while left:
        fits = [each for each in left if length[each] <= room]
        longer = [each for each in left if length[each] > seq_len]
        exact = [each for each in fits if length[each] == room]
        pairs = [a for a in fits for b in fits if a != b and length[a] + length[b] == room]
        if fits:
            chosen = max(exact or pairs or fits, key=lambda each: (length[each], -each))
        elif longer:
            unfitting.append(max([each for each in longer if beyond(each) <= room] or longer,
                                 key=lambda each: (beyond(each), -each)))  # fmt: skip
            chosen = unfitting[-1]
        else:
            chosen = max(left, key=lambda each: (length[each], -each))
            unfitting.append(chosen)
        left.remove(chosen)
        order.append(chosen)
        room = (room - length[chosen]) % seq_len or seq_len
    return order, unfitting


@given(lengths=all_lengths, seq_len=st.integers(2, 40))
@settings(max_examples=300, deadline=None)
def test_it_follows_its_rules(lengths: list[int], seq_len: int) -> None:
    order, row, cut = _fill(np.array(lengths, dtype=np.int64), seq_len, LOOKS)
    expected, unfitting = slowly(lengths, seq_len)
    assert order.tolist() == expected
    assert order[cut].tolist() == unfitting
    begin = np.cumsum(np.array(lengths)[order]) - np.array(lengths)[order]
    assert row.tolist() == (begin // seq_len).tolist()


@given(lengths=all_lengths, seq_len=st.integers(2, 40), key=st.integers(0, 2**62))
@settings(max_examples=300, deadline=None)
def test_a_document_that_fits_in_a_row_is_cut_only_where_nothing_else_could_fill_it(
    lengths: list[int], seq_len: int, key: int
) -> None:
    length = np.array(lengths, dtype=np.int64)
    order = fitting_order(length, seq_len=seq_len, key=key)
    assert sorted(order.tolist()) == list(range(len(length)))
    laid = length[order]
    end = np.cumsum(laid)
    begin = end - laid
    for place in np.flatnonzero((laid <= seq_len) & (begin // seq_len != (end - 1) // seq_len)):
        room = seq_len - begin[place] % seq_len
        assert (laid[place:] > room).all()
        assert (laid[place:] <= seq_len).all()


@pytest.mark.parametrize("seq_len", [64, 100])
def test_where_all_could_fit_nothing_is_cut(seq_len: int) -> None:
    """Halves, thirds and pairs that add up; many short documents with a few long ones."""
    rng = np.random.default_rng(0)
    parts = rng.integers(1, seq_len, 3000)
    for length in (
        np.full(500, seq_len // 2),
        np.concatenate([parts, seq_len - parts]),
        np.concatenate([rng.integers(1, 12, 20_000), rng.integers(seq_len, 9 * seq_len, 200)]),
    ):
        assert cut_of_those_that_fit(length[fitting_order(length, seq_len=seq_len, key=1)], seq_len) == 0
    assert cut_of_those_that_fit(parts, seq_len) > 1000


def test_documents_just_over_half_a_row_are_cut_as_little_as_filling_rows_allows() -> None:
    """A row holds one of them whole, so that at least the rest of them is cut; hardly more are."""
    length = np.random.default_rng(0).integers(513, 540, 5000)
    cut = cut_of_those_that_fit(length[fitting_order(length, seq_len=1024, key=1)], 1024)
    rows = -(-int(length.sum()) // 1024)
    assert len(length) - rows <= cut <= 1.03 * (len(length) - rows)


def test_places_in_a_row_are_shuffled() -> None:
    length = np.array([60, 30, 10] * 400, dtype=np.int64)
    order = fitting_order(length, seq_len=100, key=1)
    first = length[order].reshape(-1, 3)[:, 0]
    assert all(90 < (first == each).sum() < 180 for each in (60, 30, 10))  # 133 of 400 rows
    assert fitting_order(length, seq_len=100, key=1).tolist() == order.tolist()
    assert fitting_order(length, seq_len=100, key=2).tolist() != order.tolist()


def cut_of_those_that_fit(laid: Int64s, seq_len: int) -> int:
    """Documents that fit in a row and lie in two, of documents laid end to end."""
    end = np.cumsum(laid)
    begin = end - laid
    return int(((laid <= seq_len) & (begin // seq_len != (end - 1) // seq_len)).sum())
