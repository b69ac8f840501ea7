"""Rows of portions in blocks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.data import fetch
from ontogeny.data.fetch import by_portion, grouped


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 100))
def test_blocks_hold_every_text_once_and_no_more_than_they_may(sizes: list[int], group_bytes: int) -> None:
    parts = list(grouped(np.array(sizes, dtype=np.int64), group_bytes))
    assert [size for part in parts for size in sizes[part]] == sizes
    assert all(sum(sizes[part]) <= group_bytes or len(sizes[part]) == 1 for part in parts)
    assert all(len(sizes[part]) <= fetch.MAX_ROWS for part in parts)


@given(st.lists(st.integers(0, 5), max_size=30))
def test_each_portion_comes_once_with_all_its_rows_in_order(numbers: list[int]) -> None:
    found = {number: here.tolist() for number, here in by_portion(np.array(numbers, dtype=np.int32))}
    assert found == {
        number: [place for place, each in enumerate(numbers) if each == number]
        for number in sorted(set(numbers))
    }
