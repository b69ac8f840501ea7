"""Holm's adjustment: against the procedure as he wrote it, and how often a family cries wolf."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.statistics.multiple import holm

PROBABILITIES = st.lists(st.floats(0, 1, allow_subnormal=False), max_size=12)


@given(PROBABILITIES, st.sampled_from([0.01, 0.05, 0.2]))
def test_it_rejects_what_the_step_down_procedure_rejects(p_values: list[float], level: float) -> None:
    rejected = set()
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        if p_values[place] * (len(p_values) - rank) > level:
            break
        rejected.add(place)
    assert {place for place, p in enumerate(holm(p_values)) if p <= level} == rejected


def test_one_test_stays_as_it_is() -> None:
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_written_out() -> None:
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([0.6, 0.9]) == [1.0, 1.0]


def test_a_family_cries_wolf_one_time_in_twenty() -> None:
    families = np.random.default_rng(3).uniform(size=(4_000, 10))
    assert 0.035 < np.mean([min(holm(family.tolist())) < 0.05 for family in families]) < 0.06
    assert np.mean(families.min(axis=1) < 0.05) > 0.35
