"""A corpus in batches: every document once, in order, with its labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.tokenizer import corpus as corpus_module
from ontogeny.tokenizer.corpus import corpus_batches
from tests.tokenizer.conftest import TEXTS
from tests.tokenizer.test_step import make_corpus


@pytest.mark.parametrize("limit", [1, 150, 1 << 20])
def test_every_document_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(corpus_module, "BATCH_BYTES", limit)
    folder = make_corpus(tmp_path / "corpus").path
    batches = list(corpus_batches(folder))
    assert [text for batch in batches for text in batch.texts.strings()] == TEXTS
    ids = [doc_id for batch in batches for doc_id in batch.labels["doc_id"].to_pylist()]
    assert ids == [f"{n:032x}" for n in range(len(TEXTS))]
    assert all(len(batch.texts) == 1 or len(batch.texts.data) <= limit for batch in batches)


def test_one_split_alone(tmp_path: Path) -> None:
    folder = make_corpus(tmp_path / "corpus").path
    held_out = [text for batch in corpus_batches(folder, "held_out") for text in batch.texts.strings()]
    assert held_out == TEXTS[3::4]
    assert list(corpus_batches(folder, "other")) == []
