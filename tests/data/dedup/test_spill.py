"""Pairs in memory and on disk: the same pairs, in the same order, and no file stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ontogeny.data.dedup.spill import SpilledPairs


@pytest.mark.parametrize("memory_bytes", [0, 4000, 1 << 30])
def test_every_pair_comes_back_in_order(
    memory_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 300, size=(2, 5000)).astype(np.uint64)
    pairs = first << np.uint64(32) | second
    with SpilledPairs(300, memory_bytes) as kept:
        for part in np.array_split(pairs, 17):
            kept.add(part.copy())
        found = list(kept.sorted_parts())
        assert any(tmp_path.iterdir()) == (memory_bytes < pairs.nbytes)
    assert not any(tmp_path.iterdir())
    assert np.array_equal(np.concatenate(found), np.sort(pairs))
    firsts = [set((part >> np.uint64(32)).tolist()) for part in found]
    assert sum(map(len, firsts)) == len(set.union(*firsts))


def test_no_pairs() -> None:
    with SpilledPairs(0, 0) as kept:
        assert [len(part) for part in kept.sorted_parts()] == [0]
