"""The documents that are measured on, their order, and the yardstick."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest

from ontogeny.core.errors import DataError
from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate import bits_per_byte
from ontogeny.evaluate.bits_per_byte import prepare, score, xz_bits_per_byte
from ontogeny.evaluate.runner import Source
from ontogeny.evaluate.suites import BitsPerByteSuite
from tests.evaluate.conftest import FakeReader

SUITE = BitsPerByteSuite(data="corpus")


def test_only_held_out_documents_in_the_order_of_their_ids(corpus: Source) -> None:
    documents = prepare(SUITE, corpus.folder, name=corpus.name, limit=None).documents
    assert len(documents) == 20
    assert [one.doc_id for one in documents] == sorted(one.doc_id for one in documents)
    assert {int(one.text.split()[1]) % 4 for one in documents} == {0, 1}


def test_caps(corpus: Source) -> None:
    everything = prepare(SUITE, corpus.folder, name=corpus.name, limit=None).documents
    assert prepare(SUITE, corpus.folder, name=corpus.name, limit=3).documents == everything[:3]
    size = len((everything[0].text + everything[1].text).encode())
    capped = SUITE.model_copy(update={"max_bytes": size})
    assert prepare(capped, corpus.folder, name=corpus.name, limit=None).documents == everything[:2]
    tiny = SUITE.model_copy(update={"max_bytes": 1})
    assert prepare(tiny, corpus.folder, name=corpus.name, limit=None).documents == everything[:1]


def test_a_corpus_without_held_out_documents_is_refused(
    corpus: Source, empty: Callable[[Source], Source]
) -> None:
    with pytest.raises(DataError, match="the corpus has no held-out document") as caught:
        prepare(SUITE, empty(corpus).folder, name="r/corpus@1", limit=None)
    assert caught.value.where == "r/corpus@1" and caught.value.hint


def test_xz_is_the_commands(tmp_path: object) -> None:
    texts = [f"dokument {place}: größe {place * place}\n" * 20 for place in range(40)]
    stream = "".join(texts).encode()
    assert xz_bits_per_byte(texts) < 1.0
    if shutil.which("xz"):
        packed = subprocess.run(
            ["xz", "-9e", "--stdout"], input=stream, capture_output=True, check=True
        ).stdout
        assert xz_bits_per_byte(texts) == pytest.approx(8 * len(packed) / len(stream), rel=0.01)


def test_scores_are_bits_over_bytes_of_each_document(corpus: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    material = prepare(SUITE, corpus.folder, name=corpus.name, limit=None)
    whole = score(SUITE, material, FakeReader(), model="m", progress=QuietProgress())
    monkeypatch.setattr(bits_per_byte, "BATCH_BYTES", 1)
    assert score(SUITE, material, FakeReader(), model="m", progress=QuietProgress()) == whole
    (metric,) = whole.metrics
    sizes = [len(one.text.encode()) for one in material.documents]
    assert metric.bottoms == tuple(map(float, sizes))
    assert whole.rows[3].bits == metric.tops[3] and whole.rows[3].bytes == sizes[3]
    assert whole.rows[3].group == material.documents[3].group
    assert whole.counts == {"bytes": sum(sizes)}
    assert whole.figures == {"xz_bits_per_byte": material.xz_bits_per_byte}
