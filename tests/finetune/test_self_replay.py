"""Conversations that a model makes up: the same however often it was stopped, and whole ones only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from ontogeny.core.errors import DataError
from ontogeny.core.progress import QuietProgress
from ontogeny.core.seeds import numpy_generator
from ontogeny.finetune import self_replay
from ontogeny.finetune.self_replay import ROWS_AT_ONCE, made_up
from ontogeny.model.config import ModelShape
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.chat import Messages
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.templates import with_template


@pytest.fixture(scope="module")
def dressed(tokenizer: Tokenizer) -> Tokenizer:
    return with_template(tokenizer, "chatml")


@pytest.fixture(scope="module")
def model(dressed: Tokenizer) -> Transformer:
    shape = ModelShape(d_model=16, n_layers=1, n_heads=2, n_kv_heads=1, d_ff=32, seq_len=64)
    return Transformer(shape.resolve(dressed.vocab_size)).eval()


@pytest.fixture(autouse=True)
def words_drawn(dressed: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of what random weights write, which is no text: words by the seed, of which one in five never ends."""

    def written(
        model: Transformer, prompts: Sequence[Sequence[int]], *, max_tokens: int, seed: int, **_: object
    ) -> list[list[int]]:
        generator = numpy_generator(seed, "words")
        answers = []
        for _prompt in prompts:
            words = " ".join(generator.choice(["list", "names", "number", "what"], generator.integers(1, 4)))
            end = [] if generator.random() < 0.2 else [dressed.special_ids["<|im_end|>"]]
            answers.append(([*dressed.encode(words), *end])[:max_tokens])
        return answers

    monkeypatch.setattr(self_replay, "write_answers", written)


def made(model: Transformer, dressed: Tokenizer, kept: Path, wanted: int = 11) -> list[tuple[str, Messages]]:
    return made_up(model, dressed, wanted, seed=5, kept=kept, progress=QuietProgress())


def test_questions_with_their_answers(model: Transformer, dressed: Tokenizer, tmp_path: Path) -> None:
    found = made(model, dressed, tmp_path / "kept.jsonl")
    assert [doc_id for doc_id, _ in found] == [f"self-{number:06d}" for number in range(11)]
    special = set(dressed.special_ids)
    for _, messages in found:
        assert [message["role"] for message in messages] == ["user", "assistant"]
        assert all(message["content"].strip() for message in messages)
        assert not any(token in message["content"] for token in special for message in messages)
    assert len({str(messages) for _, messages in found}) > 5


def test_a_stopped_run_goes_on_where_it_was(model: Transformer, dressed: Tokenizer, tmp_path: Path) -> None:
    whole = made(model, dressed, tmp_path / "whole.jsonl")
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "half.jsonl").write_text(lines[0] + lines[1][:9])  # killed while it wrote
    assert made(model, dressed, tmp_path / "half.jsonl") == whole
    assert (tmp_path / "half.jsonl").read_text() == "".join(lines)


def test_what_comes_to_no_end_is_left_out(
    model: Transformer, dressed: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_replay, "MOST_BATCHES", 1)
    monkeypatch.setattr(self_replay, "ANSWER_TOKENS", 1)
    with pytest.raises(
        DataError, match=f"of {ROWS_AT_ONCE} conversations that the model began it ended 0, and 4 are wanted"
    ):
        made(model, dressed, tmp_path / "kept.jsonl", wanted=4)
    assert [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()] == [[]]


def test_a_template_without_ends_of_questions_is_refused(
    model: Transformer, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="the chat template ends questions without a special token"):
        made(model, with_template(tokenizer, "alpaca"), tmp_path / "kept.jsonl")
