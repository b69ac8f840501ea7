"""Conversations as rows: what is learnt, what is cut, what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError
from ontogeny.finetune.conversations import Conversations, encode_conversations, read_examples
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.batches import Batches
from ontogeny.train.packing import pack_whole

Examples = list[tuple[str, list[dict[str, str]]]]


def ids_of(found: Conversations, number: int) -> tuple[list[int], list[bool]]:
    span = (0, int(found.spans.start[number]), int(found.spans.length[number]))
    return found.read(*span).tolist(), found.read_mask(*span).tolist()


def test_only_answers_are_learnt(tokenizer: Tokenizer, examples: Examples) -> None:
    found = encode_conversations(examples, tokenizer, seq_len=200)
    assert (len(found), found.truncated, found.without_answer) == (30, 0, 0)
    assert list(found.spans.doc_ids) == [doc_id for doc_id, _ in examples]
    for number, (_, messages) in enumerate(examples):
        ids, learnt = ids_of(found, number)
        answer = tokenizer.decode([token for token, wanted in zip(ids, learnt, strict=True) if wanted])
        assert answer.removesuffix("<|im_end|>").strip() == messages[1]["content"]
        assert answer.rstrip().endswith("<|im_end|>")


def test_what_is_too_long_is_cut_and_counted(tokenizer: Tokenizer, examples: Examples) -> None:
    whole = encode_conversations(examples, tokenizer, seq_len=200)
    limit = int(np.median(whole.spans.length)) - 1  # a row has one token more than it has inputs
    found = encode_conversations(examples, tokenizer, seq_len=limit)
    assert found.truncated == int((whole.spans.length > limit + 1).sum()) > 0
    assert int(found.spans.length.max()) == limit + 1
    assert ids_of(found, 3)[0] == ids_of(whole, 3)[0][: limit + 1]


def test_no_answer_within_reach_is_left_out_and_counted(tokenizer: Tokenizer, examples: Examples) -> None:
    unanswered = ("f" * 32, [{"role": "user", "content": "what"}])
    found = encode_conversations([unanswered, *examples], tokenizer, seq_len=200)
    assert (len(found), found.without_answer) == (30, 1)
    nothing = encode_conversations(examples, tokenizer, seq_len=4)
    assert (len(nothing), nothing.truncated, nothing.without_answer) == (0, 30, 30)


def test_batches_hold_every_answer_once(tokenizer: Tokenizer, examples: Examples) -> None:
    found = encode_conversations(examples, tokenizer, seq_len=200)
    plan = pack_whole(found.spans, seq_len=200, batch_rows=6, seed=1)
    batches = Batches(plan, found, micro_batch_rows=2, masked=found)
    learnt = [
        token
        for step in range(5)
        for batch in batches.micro_batches(step)
        for token in batch.targets.tolist()
    ]
    assert sorted(learnt) == sorted(found.tokens[found.learnt].tolist())


def write_examples(folder: Path, examples: Examples, *, held_out: int) -> None:
    for part, rows in enumerate((examples[:20], examples[20:])):
        table = {
            "doc_id": [doc_id for doc_id, _ in rows],
            "split": ["held_out" if int(doc_id, 16) < held_out else "train" for doc_id, _ in rows],
            "messages": [messages for _, messages in rows],
        }
        pq.write_table(pa.table(table), folder / f"part-{part:05d}.parquet")


def test_a_split_is_read_from_all_parts(tmp_path: Path, examples: Examples) -> None:
    write_examples(tmp_path, examples, held_out=5)
    assert list(read_examples(tmp_path, split="held_out")) == examples[:5]
    assert list(read_examples(tmp_path, split="train")) == examples[5:]


def test_examples_of_another_task_are_refused(tmp_path: Path) -> None:
    table = pa.table({"doc_id": ["a"], "split": ["train"], "prompt": ["b"]})
    pq.write_table(table, tmp_path / "part-00000.parquet")
    with pytest.raises(DataError, match="the examples have no column 'messages'") as caught:
        list(read_examples(tmp_path, split="train"))
    assert caught.value.where == str(tmp_path / "part-00000.parquet")
    assert (
        caught.value.hint
        == "`task: instruct` learns from `messages`: set `task: instruct` in the `examples` step too"
    )
