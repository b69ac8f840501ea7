"""The teacher: who may be one, and when it is read."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import tokenizers
import torch

from ontogeny.core.errors import UsageError
from ontogeny.finetune.distil_teacher import Teacher, check_same_tokens
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from ontogeny.train.batches import Batch
from tests.train.conftest import VOCAB_SIZE, make_tiny_model


def changed(tokenizer: Tokenizer, change: Callable[[dict[str, int]], None]) -> Tokenizer:
    """`tokenizer` with another vocabulary."""
    definition = json.loads(tokenizer.to_json())
    change(definition["model"]["vocab"])
    return Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(definition)), None)


def test_the_same_tokens_are_accepted_whatever_stands_around_them(tokenizer: Tokenizer) -> None:
    check_same_tokens(tokenizer, changed(tokenizer, lambda vocabulary: None), name="a/b@1")
    check_same_tokens(tokenizer, tokenizer.with_chat_template("{{ messages }}"), name="a/b@1")


def test_tokens_with_other_ids_are_refused(tokenizer: Tokenizer) -> None:
    def swap(vocabulary: dict[str, int]) -> None:
        vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]

    with pytest.raises(
        UsageError,
        match=r"the teacher a/b@1 has another tokenizer than the student: 2 of \d+ tokens differ, e.g. 'a', which is "
        r"number \d+ to the student and number \d+ to the teacher",
    ) as caught:
        check_same_tokens(tokenizer, changed(tokenizer, swap), name="a/b@1")
    assert caught.value.hint is not None
    assert "choose a teacher with the student's own tokenizer" in caught.value.hint


def test_tokens_that_are_missing_are_refused(tokenizer: Tokenizer) -> None:
    larger = train_bpe(["some other words of another kind, often repeated"] * 20, vocab_size=300)
    with pytest.raises(UsageError, match=r"unknown to the (student|teacher)"):
        check_same_tokens(tokenizer, larger, name="a/b@1")


def test_it_is_read_when_it_is_asked_and_has_no_gradients() -> None:
    read: list[int] = []

    def load() -> Transformer:
        read.append(1)
        return make_tiny_model()

    teacher = Teacher(load, vocab_size=VOCAB_SIZE)
    assert not read
    batch = Batch(torch.arange(6).view(1, 6), torch.arange(1, 7), torch.tensor([1, 4]), 6)
    states = teacher.states(batch)
    assert not states.hidden.requires_grad
    assert not states.weight.requires_grad
    torch.testing.assert_close(states.hidden, make_tiny_model().hidden(batch.idx)[0, [1, 4]].detach())
    noisy = Batch(batch.idx, batch.targets, batch.positions, 6, noise=torch.ones(1, 6, 16))
    torch.testing.assert_close(teacher.states(noisy).hidden, states.hidden, rtol=0, atol=0)
    assert len(read) == 1
    teacher.let_go()
    teacher.let_go()
    assert len(teacher.states(batch).hidden) == 2
    assert len(read) == 2
