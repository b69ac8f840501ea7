from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.core.errors import ArtifactError
from ontogeny.data.texts import Texts
from ontogeny.tokenizer import encoder as encoder_module
from ontogeny.tokenizer import shards as shards_module
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.encoder import TokenBatch
from ontogeny.tokenizer.shards import (
    DocumentBatch,
    Ends,
    TokenDocument,
    TokenShards,
    _ShardWriter,
    shard_dtype,
    write_batches,
    write_shards,
)
from tests.tokenizer.conftest import TEXTS, with_begin

DOCUMENTS = [
    TokenDocument(f"{i:032x}", f"{i}: {text}", "train" if i % 3 else "held_out", "test", f"g{i}")
    for i, text in enumerate(TEXTS)
]


@pytest.mark.parametrize("shard_tokens", [1, 100, 1 << 20])
def test_every_document_is_found_again(tokenizer: Tokenizer, tmp_path: Path, shard_tokens: int) -> None:
    (tmp_path / "tokenizer").mkdir()
    tokenizer.save(tmp_path / "tokenizer")
    sizes = list(write_shards(tmp_path, iter(DOCUMENTS), tokenizer, shard_tokens=shard_tokens))
    assert sum(sizes) == sum(len(document.text.encode()) for document in DOCUMENTS)
    shards = TokenShards.open(tmp_path)
    columns = shards.documents
    assert columns["doc_id"].tolist() == [document.doc_id for document in DOCUMENTS]
    assert columns["group"].tolist() == [document.group for document in DOCUMENTS]
    for row, document in enumerate(DOCUMENTS):
        place = [int(columns[name][row]) for name in ("shard", "start", "length")]
        *ids, last = shards.read(*place).tolist()
        assert tokenizer.decode(ids) == document.text
        assert last == tokenizer.end_of_text_id
        assert columns["bytes"][row] == len(document.text.encode())


def test_digests_are_read_when_asked_for(tokenizer: Tokenizer, tmp_path: Path) -> None:
    known = [replace(each, digest=f"blake3:{each.doc_id}") for each in DOCUMENTS]
    for name, documents in (("known", known), ("unknown", [*known[:3], DOCUMENTS[3]])):
        (tmp_path / name / "tokenizer").mkdir(parents=True)
        tokenizer.save(tmp_path / name / "tokenizer")
        list(write_shards(tmp_path / name, documents, tokenizer))
    shards = TokenShards.open(tmp_path / "known")
    assert "digest" not in shards.documents
    digests = shards.digests()
    assert digests is not None
    assert digests.tolist() == [each.digest for each in known]
    index = pq.read_table(tmp_path / "known" / "index.parquet")
    assert index.column_names[-1] == "digest"
    assert TokenShards.open(tmp_path / "unknown").digests() is None
    pq.write_table(index.drop_columns(["digest"]), tmp_path / "known" / "index.parquet")
    old = TokenShards.open(tmp_path / "known")
    assert old.digests() is None
    assert old.documents["doc_id"].tolist() == shards.documents["doc_id"].tolist()


def test_ids_take_as_few_bytes_as_they_can() -> None:
    assert shard_dtype(1 << 16).itemsize == 2
    assert shard_dtype((1 << 16) + 1).itemsize == 4
    assert shard_dtype(300).byteorder in ("<", "=")
    assert np.dtype("<u2") == shard_dtype(300)


def test_what_is_missing_is_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not an index of tokens"):
        TokenShards.open(tmp_path)
    (tmp_path / "tokenizer").mkdir()
    tokenizer.save(tmp_path / "tokenizer")
    list(write_shards(tmp_path, iter(DOCUMENTS), tokenizer))
    (tmp_path / "shard-00000.bin").unlink()
    with pytest.raises(ArtifactError, match="shard cannot be read") as caught:
        TokenShards.open(tmp_path)
    assert caught.value.where == str(tmp_path / "shard-00000.bin")


def old_layout(lengths: list[int], limit: int) -> list[tuple[int, int]]:
    """The rule, a document at a time: a new shard once one holds `limit` tokens."""
    places, number, filled = [], -1, limit
    for length in lengths:
        if filled >= limit:
            number, filled = number + 1, 0
        places.append((number, filled))
        filled += length
    return places


@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=30),
    limit=st.integers(1, 40),
    cut=st.integers(1, 7),
)
def test_documents_lie_where_the_plain_rule_puts_them(lengths: list[int], limit: int, cut: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        _ShardWriter(Path(folder), np.dtype("<u2"), limit) as writer,
    ):
        places = []
        for at in range(0, len(lengths), cut):
            sizes = lengths[at : at + cut]
            offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
            tokens = TokenBatch(np.ones(sum(sizes), np.uint32), offsets)
            batch = Ends(None, 7).put_about(tokens, np.dtype("<u2"))
            shard, start = writer.append(batch)
            places += list(zip(shard.tolist(), start.tolist(), strict=True))
    assert places == old_layout([length + 1 for length in lengths], limit)


@pytest.mark.parametrize(
    ("begin", "ids", "offsets"),
    [
        (None, [5, 6, 9, 9, 8, 9], [0, 3, 4, 6]),
        (0, [0, 5, 6, 9, 0, 9, 0, 8, 9], [0, 4, 6, 9]),
    ],
)
def test_each_text_stands_between_its_tokens(begin: int | None, ids: list[int], offsets: list[int]) -> None:
    tokens = TokenBatch(np.array([5, 6, 8], np.uint32), np.array([0, 2, 2, 3], np.int64))
    batch = Ends(begin, 9).put_about(tokens, np.dtype("<u2"))
    assert batch.ids.tolist() == ids
    assert batch.offsets.tolist() == offsets
    assert batch.ids.dtype == np.dtype("<u2")


@pytest.fixture
def beginning(tokenizer: Tokenizer, tmp_path: Path) -> Tokenizer:
    """The tokenizer with a template that puts `<|im_start|>` before a text."""
    return with_begin(tokenizer, tmp_path / "beginning")


def test_a_document_begins_as_a_text_of_its_tokenizer_does(beginning: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "tokenizer").mkdir()
    beginning.save(tmp_path / "tokenizer")
    list(write_shards(tmp_path, DOCUMENTS, beginning, shard_tokens=100))
    shards = TokenShards.open(tmp_path)
    assert shards.ends == Ends(beginning.start_id, beginning.end_of_text_id)
    for row, document in enumerate(DOCUMENTS):
        place = [int(shards.documents[name][row]) for name in ("shard", "start", "length")]
        *ids, last = shards.read(*place).tolist()
        assert ids == beginning.encode_default(document.text)
        assert last == beginning.end_of_text_id
        assert shards.documents["bytes"][row] == len(document.text.encode())


def test_an_end_of_text_is_not_put_before_a_text_that_follows_one(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    begun = with_begin(tokenizer, tmp_path / "begun", tokenizer.end_of_text)
    assert begun.adds_begin
    assert Ends.of(begun) == Ends(None, tokenizer.end_of_text_id)


def test_tokens_of_an_older_version_begin_with_their_text(
    tokenizer: Tokenizer, beginning: Tokenizer, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer").mkdir()
    beginning.save(tmp_path / "tokenizer")
    list(write_shards(tmp_path, DOCUMENTS, tokenizer))
    assert TokenShards.open(tmp_path).ends == Ends(None, beginning.end_of_text_id)


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def batches_of(size: int) -> list[DocumentBatch]:
    return [DocumentBatch.of(DOCUMENTS[at : at + size]) for at in range(0, len(DOCUMENTS), size)]


def test_batches_do_not_change_a_byte(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards_module, "INDEX_ROWS", 4)
    made = []
    for size in (1, 5, len(DOCUMENTS)):
        folder = tmp_path / str(size)
        folder.mkdir()
        batches = batches_of(size)
        list(write_batches(folder, lambda batches=batches: batches, tokenizer, shard_tokens=100))  # type: ignore[misc]
        made.append(written(folder))
    assert made[0] == made[1] == made[2]
    assert len(made[0]) > 3


def test_encoders_that_differ_midway_make_it_begin_anew(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gigatoken", reason="needs the extra ontogeny[gigatoken]")
    plain, mended = tmp_path / "plain", tmp_path / "mended"
    plain.mkdir()
    mended.mkdir()
    list(write_batches(plain, lambda: batches_of(3), tokenizer, shard_tokens=50))
    real = encoder_module._Gigatoken.encode

    def wrong(self: Any, texts: Texts) -> TokenBatch:
        batch = real(self, texts)
        late = b"\n7: " in b"\n" + texts.data.tobytes()
        doubled = TokenBatch(np.repeat(batch.ids, 2), batch.offsets * 2)  # so that it had begun more shards
        return TokenBatch(batch.ids ^ 1, batch.offsets) if late else doubled

    notes: list[str] = []
    monkeypatch.setattr(encoder_module, "PROBES", ())
    monkeypatch.setattr(
        encoder_module, "_check", lambda fast, tokenizer, texts, check=encoder_module._check: (
            check(fast, tokenizer, texts) if any(text.startswith("7") for text in texts) else None
        )
    )  # fmt: skip
    monkeypatch.setattr(encoder_module._Gigatoken, "encode", wrong)
    list(write_batches(mended, lambda: batches_of(1), tokenizer, shard_tokens=50, note=notes.append))
    assert len(notes) == 1
    assert "gigatoken and tokenizers differ on '7: " in notes[0]
    assert "beginning anew with tokenizers alone" in notes[0]
    assert written(mended) == written(plain)


def test_no_documents_make_an_empty_index(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "tokenizer").mkdir()
    tokenizer.save(tmp_path / "tokenizer")
    assert list(write_shards(tmp_path, [], tokenizer)) == []
    assert len(TokenShards.open(tmp_path).documents["doc_id"]) == 0


def test_why_tokenizers_encodes_is_noted(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gigatoken", None)
    notes: list[str] = []
    list(write_batches(tmp_path, lambda: batches_of(4), tokenizer, note=notes.append))
    assert len(notes) == 1
    assert notes[0].startswith("encoding with tokenizers ")
    assert "gigatoken is not installed" in notes[0]
