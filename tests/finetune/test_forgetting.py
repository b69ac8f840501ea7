"""General text: held-out documents only, as many as fit, the same from a corpus as from its tokens."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError
from ontogeny.finetune.forgetting import general_texts
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.shards import TokenDocument, write_shards

TEXTS = [f"text {number} with an é and <|im_end|> in it" for number in range(6)]


def corpus(folder: Path, *, held_out: int) -> Any:
    table = {"split": ["held_out" if n < held_out else "train" for n in range(6)], "text": TEXTS}
    pq.write_table(pa.table(table), folder / "part-00000.parquet")
    return SimpleNamespace(path=folder, kind="corpus", name="tiny/corpus@1")


def tokens(folder: Path, tokenizer: Tokenizer, *, held_out: int) -> Any:
    (folder / "tokenizer").mkdir()
    tokenizer.save(folder / "tokenizer")
    documents = [
        TokenDocument(str(n), text, "held_out" if n < held_out else "train", "made", str(n))
        for n, text in enumerate(TEXTS)
    ]
    for _ in write_shards(folder, documents, tokenizer):
        pass
    return SimpleNamespace(path=folder, kind="tokens", name="tiny/tokens@1")


def test_a_corpus_and_its_tokens_give_the_same(tmp_path: Path, tokenizer: Tokenizer) -> None:
    (tmp_path / "tokens").mkdir()
    assert general_texts(corpus(tmp_path, held_out=4), max_bytes=None) == TEXTS[:4]
    assert general_texts(tokens(tmp_path / "tokens", tokenizer, held_out=4), max_bytes=None) == TEXTS[:4]


@pytest.mark.parametrize(
    ("max_bytes", "expected"), [(1, 1), (60, 1), (len("".join(TEXTS[:2]).encode()), 2), (10**6, 4)]
)
def test_whole_documents_up_to_a_size(tmp_path: Path, max_bytes: int, expected: int) -> None:
    found = general_texts(corpus(tmp_path, held_out=4), max_bytes=max_bytes)
    assert found == TEXTS[:expected]


def test_nothing_held_out(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="no document is held out, so forgetting cannot be measured"
    ) as caught:
        general_texts(corpus(tmp_path, held_out=0), max_bytes=None)
    assert caught.value.where == "tiny/corpus@1"
    assert caught.value.hint is not None
    assert "leave `general` out" in caught.value.hint
