from pathlib import Path

import numpy as np
import pytest

from ontogeny.core.errors import ArtifactError
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.shards import TokenDocument, TokenShards, shard_dtype, write_shards
from tests.tokenizer.conftest import TEXTS

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
