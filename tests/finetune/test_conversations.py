"""Conversations as rows: what is learnt, what is cut, what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.core.errors import DataError
from ontogeny.finetune.conversations import Account, Conversations, encode_conversations, read_examples
from ontogeny.tokenizer.chat import encode_conversation
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.batches import Batches
from ontogeny.train.packing import pack_whole

Examples = list[tuple[str, list[dict[str, str]]]]


def ids_of(found: Conversations, number: int) -> tuple[list[int], list[bool]]:
    span = (0, int(found.spans.start[number]), int(found.spans.length[number]))
    return found.read(*span).tolist(), found.read_mask(*span).tolist()


def test_only_answers_are_learnt(tokenizer: Tokenizer, examples: Examples) -> None:
    found = encode_conversations(examples, tokenizer, seq_len=200)
    assert found.account == Account(read=30, kept=30, tokens_read=len(found.tokens))
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
    beyond = np.maximum(whole.spans.length - limit - 1, 0)
    assert found.account.truncated == int((beyond > 0).sum()) > 0
    assert found.account.tokens_cut == int(beyond.sum())
    assert found.account.tokens_read == len(whole.tokens)
    assert int(found.spans.length.max()) == limit + 1
    assert ids_of(found, 3)[0] == ids_of(whole, 3)[0][: limit + 1]


def test_what_is_too_long_is_dropped_and_counted(tokenizer: Tokenizer, examples: Examples) -> None:
    whole = encode_conversations(examples, tokenizer, seq_len=200)
    limit = int(np.median(whole.spans.length)) - 1
    found = encode_conversations(examples, tokenizer, seq_len=limit, too_long="drop")
    fits = whole.spans.length <= limit + 1
    assert list(found.spans.doc_ids) == [
        doc_id for doc_id, fit in zip(whole.spans.doc_ids, fits, strict=True) if fit
    ]
    assert found.account.dropped == found.account.truncated == int((~fits).sum()) > 0
    assert found.account.tokens_cut == int(whole.spans.length[~fits].sum())


def test_the_last_turns_are_kept_with_the_system_message(tokenizer: Tokenizer) -> None:
    turns = [{"role": role, "content": f"{role} {n}"} for n in range(5) for role in ("user", "assistant")]
    talk = [{"role": "system", "content": "one list"}, *turns]
    for kept in range(1, 6):
        ids, mask = encode_conversation(tokenizer, [talk[0], *turns[-2 * kept :]])
        found = encode_conversations([("a", talk)], tokenizer, seq_len=len(ids) - 1, too_long="last-turns")
        assert ids_of(found, 0) == (ids, [bool(on) for on in mask])
        assert found.account.truncated == (kept < 5)
    alone, _ = encode_conversation(tokenizer, [talk[0], *turns[-2:]])
    found = encode_conversations([("a", talk)], tokenizer, seq_len=len(alone) - 3, too_long="last-turns")
    assert ids_of(found, 0)[0] == alone[:-2]  # not even one turn fits: its end is cut off


def test_what_cannot_be_learnt_from_is_left_out_and_counted(tokenizer: Tokenizer, examples: Examples) -> None:
    unanswered = ("f" * 32, [{"role": "user", "content": "what"}])
    found = encode_conversations([unanswered, *examples], tokenizer, seq_len=200)
    assert (len(found), found.account.without_answer, found.account.out_of_reach) == (30, 1, 0)
    nothing = encode_conversations([unanswered, *examples], tokenizer, seq_len=4).account
    assert (nothing.kept, nothing.truncated, nothing.without_answer, nothing.out_of_reach) == (0, 31, 1, 30)
    assert nothing.tokens_cut == nothing.tokens_read
    dropped = encode_conversations([unanswered, *examples], tokenizer, seq_len=4, too_long="drop").account
    assert (dropped.kept, dropped.without_answer, dropped.dropped, dropped.out_of_reach) == (0, 1, 30, 0)


def test_the_account_is_told(tokenizer: Tokenizer) -> None:
    account = Account(31, 20, 1, 4, 6, 12, 5000, 321) + Account(read=1, kept=1, tokens_read=10)
    assert account.read == account.kept + account.without_answer + account.out_of_reach + account.dropped
    cut = (
        "12 of 32 conversations are longer than `seq_len` (512 tokens): their ends are cut off, 321 of 5,010 tokens "
        "(see `too_long`)"
    )
    assert list(account.notes(seq_len=512, too_long="cut")) == [
        cut,
        "1 of 32 conversations have no answer of the assistant and are left out",
        "4 of 32 conversations answer only beyond `seq_len` and are left out",
    ]
    assert list(Account(read=3, kept=3).notes(seq_len=512, too_long="cut")) == []
    assert account.figures() == {
        "truncated": 12, "tokens_cut": 321, "without_answer": 1, "out_of_reach": 4, "dropped": 6
    }  # fmt: skip


def test_what_a_template_refuses_is_told_before_anything_else(
    tokenizer: Tokenizer, examples: Examples
) -> None:
    choosy = tokenizer.with_chat_template(
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system messages') }}{% endif %}"
        "{{ m.content }}{{ eos_token }}{% endfor %}"
    )
    strict = [(doc_id, [{"role": "system", "content": "x"}, *messages]) for doc_id, messages in examples[4:7]]
    with pytest.raises(
        DataError,
        match="3 of 7 conversations do not go with the chat template; the first: the chat template refuses this "
        "conversation: no system messages",
    ) as caught:
        encode_conversations([*examples[:4], *strict], choosy, seq_len=200)
    assert caught.value.where == f"example {examples[4][0]}"
    assert caught.value.hint == "choose another `template`, or mend these examples"


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
