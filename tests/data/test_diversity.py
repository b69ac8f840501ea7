"""Entropy, distinct n-grams and compression, by hand and by slow references; samples of bounded size."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.data import diversity
from ontogeny.data.diversity import compression, distinct_n_grams, entropy_bits, sample_texts, spread, up_to


def test_entropy() -> None:
    assert entropy_bits([1, 1, 1, 1]) == 2
    assert entropy_bits([5]) == entropy_bits([]) == entropy_bits([0, 3]) == 0
    assert spread({"a": 1, "b": 1}) == {"entropy_bits": 1.0, "effective": 2.0, "distinct": 2}
    assert spread({})["effective"] == 0


def test_distinct_n_grams_are_those_of_a_set() -> None:
    texts = ["to be or not to be that is it", "that is not to be or it"]
    for n in (1, 2, 3, 4):
        grams = [
            tuple(words[at : at + n]) for words in map(str.split, texts) for at in range(len(words) - n + 1)
        ]
        found = distinct_n_grams(texts)[str(n)]
        assert (found["total"], found["distinct"]) == (len(grams), len(set(grams)))
    assert distinct_n_grams([])["1"] == {"total": 0, "distinct": 0, "share": 0.0}


def test_repetition_compresses() -> None:
    varied = [" ".join(f"{number * 7919 % 10007}" for number in range(2000))]
    assert compression(["again and again " * 500])["zstd"] > 10 * compression(varied)["zstd"]
    assert compression([]) == {"bytes": 0, "zstd": 0.0, "zlib": 0.0}


def test_texts_are_cut_to_a_size() -> None:
    assert up_to(["aaa", "bbb", "ccc"], 5) == ["aaa", "bb"]


def test_a_sample_is_bounded_and_finds_rare_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversity, "SAMPLE_BYTES", 1000)
    monkeypatch.setattr(diversity, "SOURCE_BYTES", 200)
    monkeypatch.setattr(diversity, "DOCUMENT_CHARS", 50)
    sources = ["common"] * 90 + ["rare"] * 10
    rows = {
        "text": ["x" * 80] * 100,
        "source": sources,
        "doc_id": [f"{number:032x}" for number in range(100)],
    }
    pq.write_table(pa.table(rows), tmp_path / "part-00000.parquet", row_group_size=10)
    sample = sample_texts(tmp_path, ["common", "rare"])
    assert max(map(len, sample.texts)) == 50
    assert (sample.sources.count("common"), sample.sources.count("rare")) == (20, 4)
    assert len(sample.of("rare", 60)) == 2
