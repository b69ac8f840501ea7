"""The order of training is a bijection in each epoch and a pure function of (seed, step)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontogeny.train.order import PhasedOrder, RowOrder, permute


@given(size=st.integers(1, 3000), key=st.integers(0, 2**63 - 1))
@settings(max_examples=60, deadline=None)
def test_permute_is_a_bijection(size: int, key: int) -> None:
    assert sorted(permute(np.arange(size), size=size, key=key).tolist()) == list(range(size))


@given(size=st.integers(1, 10**12), key=st.integers(0, 2**63 - 1))
@settings(max_examples=40, deadline=None)
def test_permute_stays_within_large_domains(size: int, key: int) -> None:
    index = np.unique(np.linspace(0, size - 1, 50).astype(np.int64))
    image = permute(index, size=size, key=key)
    assert image.min() >= 0
    assert image.max() < size
    assert len(np.unique(image)) == len(index)


def test_permute_never_changes_with_a_library() -> None:
    assert permute(np.arange(10), size=10, key=7).tolist() == PINNED


PINNED = [1, 5, 2, 8, 6, 9, 7, 0, 4, 3]


@pytest.mark.parametrize("size", [2, 3, 5, 8])
def test_permute_is_fair(size: int) -> None:
    """Over many keys each value reaches each place about equally often (chi-square, five sigma)."""
    keys = 2000
    counts = np.zeros((size, size))
    for key in range(keys):
        counts[np.arange(size), permute(np.arange(size), size=size, key=key)] += 1
    expected = keys / size
    chi_square = ((counts - expected) ** 2 / expected).sum()
    freedom = (size - 1) ** 2
    assert chi_square < freedom + 5 * np.sqrt(2 * freedom) + 10


@given(rows=st.integers(1, 60), batch_rows=st.integers(1, 20), seed=st.integers(0, 2**62))
@settings(max_examples=60, deadline=None)
def test_every_row_comes_once_an_epoch(rows: int, batch_rows: int, seed: int) -> None:
    order = RowOrder(rows=rows, batch_rows=batch_rows, steps=-(-3 * rows // batch_rows), seed=seed)
    read = np.concatenate([order.rows_for_step(step) for step in range(order.steps)])
    for epoch in range(3):
        assert sorted(read[epoch * rows : (epoch + 1) * rows].tolist()) == list(range(rows))


def test_epochs_differ_and_seeds_differ() -> None:
    order = RowOrder(rows=50, batch_rows=50, steps=2, seed=1)
    other = RowOrder(rows=50, batch_rows=50, steps=2, seed=2)
    assert order.rows_for_step(0).tolist() != order.rows_for_step(1).tolist()
    assert order.rows_for_step(0).tolist() != other.rows_for_step(0).tolist()


@given(
    rows=st.integers(1, 40), batch_rows=st.integers(1, 9), steps=st.integers(1, 30), row=st.integers(0, 39)
)
@settings(max_examples=60, deadline=None)
def test_steps_of_rows_is_the_inverse(rows: int, batch_rows: int, steps: int, row: int) -> None:
    order = RowOrder(rows=rows, batch_rows=batch_rows, steps=steps, seed=3)
    wanted = np.array([row % rows])
    slow = [step for step in range(steps) if np.isin(order.rows_for_step(step), wanted).any()]
    assert order.steps_of_rows(wanted).tolist() == slow


phases = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(
    lambda sizes: tuple(np.cumsum(sizes).tolist())
)


@given(ends=phases, batch_rows=st.integers(1, 7), seed=st.integers(0, 2**62))
@settings(max_examples=60, deadline=None)
def test_a_phase_reads_its_own_rows_once(ends: tuple[int, ...], batch_rows: int, seed: int) -> None:
    order = PhasedOrder(batch_rows=batch_rows, steps=ends[-1], seed=seed, ends=ends)
    first = 0
    for end in ends:
        read = np.concatenate([order.rows_for_step(step) for step in range(first, end)])
        assert sorted(read.tolist()) == list(range(first * batch_rows, end * batch_rows))
        first = end
    for row in range(order.rows):
        slow = [step for step in range(order.steps) if row in order.rows_for_step(step)]
        assert order.steps_of_rows(np.array([row])).tolist() == slow
