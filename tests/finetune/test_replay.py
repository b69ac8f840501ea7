"""Replay: a share of general rows, chosen by the seed, known by document."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError
from ontogeny.finetune.conversations import Conversations, encode_conversations
from ontogeny.finetune.replay import general_rows, joined, rows_wanted
from ontogeny.tokenizer.codec import Tokenizer
from tests.finetune.conftest import question

Examples = list[tuple[str, list[dict[str, str]]]]
SEQ_LEN = 100


def general(folder: Path, *, kind: str, rows: int = 40) -> Any:
    columns: dict[str, list[Any]] = {
        "doc_id": [f"general {number}" for number in range(rows)],
        "split": ["train" if number % 4 else "held_out" for number in range(rows)],
    }
    if kind == "corpus":
        columns["text"] = [f"a list of {number} names" * (1 + number) for number in range(rows)]
    else:
        columns["messages"] = [question(100 + number) for number in range(rows)]
    pq.write_table(pa.table(columns), folder / "part-00000.parquet")
    return SimpleNamespace(path=folder, kind=kind, name="tiny/general@1")


def replayed(examples: Examples, tokenizer: Tokenizer, artifact: Any, **change: Any) -> Conversations:
    own = encode_conversations(examples, tokenizer, seq_len=SEQ_LEN)
    settings: dict[str, Any] = {"seq_len": SEQ_LEN, "too_long": "cut", "seed": 1, **change}
    wanted = rows_wanted(own, settings.pop("share", 0.25))
    return joined(own, general_rows(artifact, wanted, tokenizer, **settings))


@pytest.mark.parametrize("kind", ["corpus", "examples"])
def test_a_share_of_the_rows(tmp_path: Path, tokenizer: Tokenizer, examples: Examples, kind: str) -> None:
    artifact = general(tmp_path, kind=kind)
    found = replayed(examples, tokenizer, artifact)
    assert len(found) == 40
    assert found.account.kept == 30
    added = list(found.spans.doc_ids)[30:]
    assert len(set(added)) == 10
    assert all(int(doc_id.split()[1]) % 4 for doc_id in added)  # none that is held out
    assert list(replayed(examples, tokenizer, artifact).spans.doc_ids) == list(found.spans.doc_ids)
    assert list(replayed(examples, tokenizer, artifact, seed=2).spans.doc_ids)[30:] != added
    for number, (doc_id, messages) in enumerate(examples):
        start, length = int(found.spans.start[number]), int(found.spans.length[number])
        assert messages[1]["content"] in tokenizer.decode(found.read(0, start, length).tolist()), doc_id


def test_of_text_every_token_is_learnt(tmp_path: Path, tokenizer: Tokenizer, examples: Examples) -> None:
    found = replayed(examples, tokenizer, general(tmp_path, kind="corpus"))
    for number in range(30, 40):
        start, length = int(found.spans.start[number]), int(found.spans.length[number])
        wanted = int(found.spans.doc_ids[number].split()[1])
        whole = [tokenizer.start_id, *tokenizer.encode(f"a list of {wanted} names" * (1 + wanted))]
        assert found.read(0, start, length).tolist() == whole[: SEQ_LEN + 1]
        assert found.read_mask(0, start, length).tolist() == [False] + [True] * (length - 1)


def test_all_where_there_are_too_few(tmp_path: Path, tokenizer: Tokenizer, examples: Examples) -> None:
    found = replayed(examples, tokenizer, general(tmp_path, kind="examples", rows=8), share=0.5)
    assert len(found) == 36
    assert int(np.sum(found.spans.length)) == len(found.tokens) == len(found.learnt)


def test_nothing_to_replay(tmp_path: Path, tokenizer: Tokenizer, examples: Examples) -> None:
    with pytest.raises(DataError, match="nothing can be replayed") as caught:
        replayed(examples, tokenizer, general(tmp_path, kind="corpus", rows=1))
    assert caught.value.where == "tiny/general@1"
    assert caught.value.hint == "name another set in `replay`, or leave it out"
