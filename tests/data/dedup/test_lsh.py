"""Candidates by shared bands, against every pair."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ontogeny.data.dedup import lsh
from ontogeny.data.dedup.lsh import LEADERS, Blocks, band_pairs
from ontogeny.data.dedup.spill import Pairs
from ontogeny.data.signals.minhash import EMPTY


def signatures_of(count: int, values: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint32]]:
    """Signatures (count, 12) of so few values that bands are shared by chance."""
    return np.random.default_rng(seed).integers(0, values, (count, 12), dtype=np.uint32)


def pairs_of(signatures: Blocks, places: npt.NDArray[np.uint32], old: int = 0) -> Pairs:
    found = list(band_pairs(signatures, places, bands=4, rows=3, old=old))
    return np.unique(np.concatenate([np.empty(0, dtype=np.uint64), *found]))


@pytest.mark.parametrize("seed", range(5))
def test_in_small_buckets_every_pair_that_shares_a_band_is_found(seed: int) -> None:
    signatures = signatures_of(40, 6, seed)
    places = np.random.default_rng(seed).permutation(40).astype(np.uint32)
    blocks = [signatures[:13], signatures[13:14], signatures[14:]]
    found = pairs_of(lambda: iter(blocks), places)
    expected = set()
    for left in range(40):
        for right in range(left):
            same = (signatures[left] == signatures[right]).reshape(4, 3).all(axis=1)
            if same.any():
                expected.add(tuple(sorted((int(places[left]), int(places[right])))))
    assert {(pair >> 32, pair & 0xFFFFFFFF) for pair in found.tolist()} == expected


@pytest.mark.parametrize("at_once", [LEADERS + 1, 64, 1 << 18])
def test_a_large_bucket_grows_by_a_few_pairs_for_each_document(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lsh, "AT_ONCE", at_once)
    signatures = np.zeros((1000, 12), dtype=np.uint32)
    found = pairs_of(lambda: [signatures], np.arange(1000, dtype=np.uint32))
    assert len(found) == sum(min(member, LEADERS + 1) for member in range(1000))
    assert set(range(1, 1000)) == {pair & 0xFFFFFFFF for pair in found.tolist()}


@pytest.mark.parametrize("count", [40, 1000])
@pytest.mark.parametrize("old", [1, 17, 40])
def test_old_documents_are_paired_with_others_alone(count: int, old: int) -> None:
    signatures = signatures_of(count, 6, seed=old)
    places = np.random.default_rng(old).permutation(count).astype(np.uint32)
    every = pairs_of(lambda: [signatures], places)
    found = pairs_of(lambda: [signatures], places, old)
    assert found.tolist() == every[(every & np.uint64(0xFFFFFFFF)) >= old].tolist()


def test_documents_without_words_are_in_no_bucket() -> None:
    signatures = np.full((5, 12), EMPTY, dtype=np.uint32)
    assert not len(pairs_of(lambda: [signatures], np.arange(5, dtype=np.uint32)))
