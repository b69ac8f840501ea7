"""From settings and inputs to encoded conversations: the template is kept with the tokenizer, and all is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.config_conversations import ConversationSettings
from ontogeny.finetune.instruct_data import InstructData, read_instruct_data
from ontogeny.tokenizer.chat import Messages
from ontogeny.tokenizer.codec import Tokenizer
from tests.finetune.conftest import question

Examples = list[tuple[str, list[dict[str, str]]]]


class Notes(QuietProgress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture
def inputs(tmp_path: Path, examples: Examples) -> dict[str, Any]:
    rows = {
        "doc_id": [doc_id for doc_id, _ in examples],
        "split": ["held_out" if number < 8 else "train" for number in range(30)],
        "messages": [messages for _, messages in examples],
    }
    pq.write_table(pa.table(rows), tmp_path / "part-00000.parquet")
    artifact = SimpleNamespace(path=tmp_path, kind="examples", name="tiny/questions@1")
    return {"data": artifact, "replay": artifact}


def make_up(tokenizer: Tokenizer, wanted: int) -> list[tuple[str, Messages]]:
    assert tokenizer.chat_template is not None
    return [(f"self-{number:06d}", question(number)) for number in range(wanted)]


def read(
    inputs: dict[str, Any], tokenizer: Tokenizer, *, seq_len: int = 100, **settings: Any
) -> tuple[InstructData, list[str]]:
    progress = Notes()
    config = ConversationSettings.model_validate(settings)
    data = read_instruct_data(
        config, inputs, tokenizer, seq_len=seq_len, seed=1, progress=progress, make_up=make_up
    )
    return data, progress.notes


def test_by_default_nothing_is_changed_and_nothing_to_tell(
    inputs: dict[str, Any], tokenizer: Tokenizer
) -> None:
    data, notes = read(inputs, tokenizer)
    assert notes == []
    assert data.tokenizer.chat_template == tokenizer.chat_template
    assert data.figures() == {
        "examples": 22, "held_out_examples": 8, "replayed_examples": 0,
        "truncated": 0, "tokens_cut": 0, "without_answer": 0, "out_of_reach": 0, "dropped": 0,
    }  # fmt: skip


def test_another_template_and_long_conversations_are_told(
    inputs: dict[str, Any], tokenizer: Tokenizer
) -> None:
    data, notes = read(inputs, tokenizer, template="alpaca", seq_len=90, too_long="drop")
    assert notes[0].startswith("the chat template differs from the model's own")
    assert data.figures()["dropped"] == data.figures()["truncated"] > 0
    assert "longer than `seq_len` (90 tokens): they are left out" in notes[1]
    assert "### Response:" in str(data.tokenizer.chat_template)


def test_replayed_rows_are_trained_on_and_not_measured(inputs: dict[str, Any], tokenizer: Tokenizer) -> None:
    data, _ = read(inputs, tokenizer, replay="other", replay_share=0.1)
    assert (len(data.train), len(data.held_out), data.replayed) == (24, 8, 2)
    assert data.figures()["replayed_examples"] == 2


def test_what_the_model_made_up_is_trained_on_too(inputs: dict[str, Any], tokenizer: Tokenizer) -> None:
    data, _ = read(inputs, tokenizer, self_replay=True, replay_share=0.1)
    assert (len(data.train), len(data.held_out), data.replayed) == (24, 8, 2)
    assert list(data.train.spans.doc_ids)[-2:] == ["self-000000", "self-000001"]


def test_a_template_that_does_not_fit_is_refused(inputs: dict[str, Any], tokenizer: Tokenizer) -> None:
    with pytest.raises(UsageError, match="the template 'llama-3' needs the special tokens"):
        read(inputs, tokenizer, template="llama-3")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"template": "chatlm"}, r"`template: chatlm` is neither one of .* Did you mean 'chatml'\?"),
        ({"replay_share": 0.1}, "`replay_share` has no effect without `replay`"),
        ({"replay": "other", "self_replay": True}, "`replay` and `self_replay` both say what is replayed"),
        ({"neftune_alpha": 0}, "greater than 0"),
        ({"too_long": "shrink"}, "'cut', 'drop' or 'last-turns'"),
    ],
)
def test_settings_that_cannot_be_meant(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ConversationSettings.model_validate(settings)


def test_what_was_changed_and_which_files_are_read() -> None:
    assert ConversationSettings().changed() == []
    changed = ConversationSettings(packing=False, template="./mine.jinja")
    assert changed.changed() == ["template", "packing"]
    assert changed.template_files() == [Path("mine.jinja")]
    assert ConversationSettings(template="gemma").template_files() == []
