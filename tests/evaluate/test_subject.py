"""Which forms a model is asked in, and what of a prompt reaches a real, tiny model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch

from ontogeny.core.errors import DataError
from ontogeny.evaluate.subject import ModelReader, Subject
from ontogeny.inference.loading import LoadedModel
from ontogeny.inference.scoring import token_logprobs
from ontogeny.model.config import ModelShape
from ontogeny.model.transformer import Transformer
from ontogeny.tasks.multiple_choice import Form, Prompt
from ontogeny.tasks.requests import Chat, Turn
from ontogeny.tokenizer.chat import encode_prompt, render
from ontogeny.tokenizer.train import train_bpe
from tests.evaluate.test_step import artifact
from tests.random_weights import randomise


@pytest.mark.parametrize(
    ("step_type", "file", "content", "chats", "conversational"),
    [
        ("finetune", "tokenizer_config.json", '{"chat_template": "{{ messages }}"}', True, True),
        ("pretrain", "tokenizer_config.json", '{"chat_template": "{{ messages }}"}', True, False),
        ("import-model", "chat_template.jinja", "{{ messages }}", True, True),
        ("import-model", "tokenizer_config.json", "{}", False, False),
        ("import-model", "config.json", "{}", False, False),
    ],
)
def test_a_model_converses_if_it_was_tuned_to(
    tmp_path: Path, step_type: str, file: str, content: str, chats: bool, conversational: bool
) -> None:
    (tmp_path / file).write_text(content)
    subject = Subject.of(artifact("m", kind="model", step_type=step_type, folder=tmp_path))
    assert (subject.chats, subject.conversational) == (chats, conversational)
    assert (subject.name, subject.folder, subject.digest) == ("r/m@1", tmp_path, "blake3:m")


@pytest.mark.parametrize(
    ("chats", "conversational", "wanted", "forms"),
    [
        (True, True, "auto", ("chat",)),
        (True, False, "auto", ("plain", "chat")),
        (False, False, "auto", ("plain",)),
        (True, True, "plain", ("plain",)),
        (True, False, "chat", ("chat",)),
    ],
)
def test_forms(
    chats: bool, conversational: bool, wanted: Literal["auto", "chat", "plain"], forms: tuple[Form, ...]
) -> None:
    assert Subject("m", Path(), "", chats, conversational).forms(wanted) == forms


def test_a_conversation_is_shown_as_the_template_writes_it(tmp_path: Path, loaded: LoadedModel) -> None:
    loaded.tokenizer.save(tmp_path)
    subject = Subject("m", tmp_path, "", True, False)
    chat = Chat((Turn("user", "Why?"),), "Because ")
    written = subject.written_out(chat)
    assert (
        written
        == render(loaded.tokenizer, [{"role": "user", "content": "Why?"}], add_generation_prompt=True)
        + "Because "
    )
    assert "<|im_start|>user" in written
    assert subject.written_out("Why?") == "Why?"


def test_a_model_without_a_template_is_not_asked_in_chat() -> None:
    with pytest.raises(DataError, match="the model has no chat template") as caught:
        Subject("m", Path(), "", False, False).forms("chat")
    assert caught.value.where == "m" and caught.value.hint


SEQ_LEN = 40
TEXTS = ["os.walk(top)\nWalk a tree of folders.", "os.getcwd()\nThe folder that is worked in.", "Größe: 3"]


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    tokenizer = train_bpe(TEXTS * 3, vocab_size=300)
    shape = ModelShape(d_model=32, n_layers=2, n_heads=2, n_kv_heads=1, d_ff=48, seq_len=SEQ_LEN)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 1, std=0.3)
    model.eval()
    return LoadedModel(model, tokenizer, Path())


@pytest.fixture
def reader(loaded: LoadedModel) -> ModelReader:
    return ModelReader(loaded, name="r/m@1")


def reference(loaded: LoadedModel, context: list[int], continuation: list[int]) -> float:
    """The sum over the continuation, by one plain pass over everything."""
    ids = context + continuation
    with torch.inference_mode():
        logprobs = loaded.model(torch.tensor([ids])).log_softmax(-1)[0]
    return sum(float(logprobs[place - 1, ids[place]]) for place in range(len(context), len(ids)))


def test_plain_prompts_begin_a_document(loaded: LoadedModel, reader: ModelReader) -> None:
    start, encode = loaded.tokenizer.end_of_text_id, loaded.tokenizer.encode
    pairs = [
        (Prompt("plain", "os.walk(top)\n"), "Walk."),
        (Prompt("plain", "Answer: "), "No."),
        (Prompt("plain", ""), "a"),
    ]
    expected = [
        reference(loaded, [start, *encode("os.walk(top)\n")], encode("Walk.")),
        reference(loaded, [start, *encode("Answer:")], encode(" No.")),
        reference(loaded, [start], encode("a")),
    ]
    assert reader.choice_logprobs(pairs) == pytest.approx(expected, abs=1e-4)


def test_chat_prompts_are_a_turn(loaded: LoadedModel, reader: ModelReader) -> None:
    prompt = Prompt("chat", "Walk? ")
    turn = encode_prompt(loaded.tokenizer, [{"role": "user", "content": prompt.text}])
    found = reader.choice_logprobs([(prompt, "Yes."), (prompt, "Not now.")])
    expected = [reference(loaded, turn, loaded.tokenizer.encode(text)) for text in ("Yes.", "Not now.")]
    assert found == pytest.approx(expected, abs=1e-4)


def test_what_does_not_fit_loses_its_beginning(loaded: LoadedModel, reader: ModelReader) -> None:
    prompt, choice = Prompt("plain", "of the folders " * 30), "Walk a tree."
    assert reader.is_truncated(prompt, choice)
    assert not reader.is_truncated(Prompt("plain", "os"), choice)
    ids = loaded.tokenizer.encode(" " + choice)
    kept = loaded.tokenizer.encode(prompt.text.rstrip())[-(SEQ_LEN - len(ids)) :]
    assert reader.choice_logprobs([(prompt, choice)]) == pytest.approx(
        [reference(loaded, kept, ids)], abs=1e-4
    )


def test_a_choice_fits_if_a_token_is_left_before_it(loaded: LoadedModel, reader: ModelReader) -> None:
    assert reader.fits("a" * (SEQ_LEN - 1))
    long = "§" * SEQ_LEN
    assert len(loaded.tokenizer.encode(long)) >= SEQ_LEN
    assert not reader.fits(long)
    assert reader.fits("The folder that is worked in. " * 2), "more bytes than the context has tokens"


def test_bits_of_each_text(loaded: LoadedModel, reader: ModelReader) -> None:
    found = reader.bits(TEXTS, window=None, stride=None)
    for text, bits in zip(TEXTS, found, strict=True):
        ids = [loaded.tokenizer.end_of_text_id, *loaded.tokenizer.encode(text)]
        assert len(ids) <= SEQ_LEN
        nats = -sum(token_logprobs(loaded.model, ids))
        assert bits == pytest.approx(nats / 0.6931471805599453, rel=1e-5)


@pytest.mark.parametrize(
    ("window", "stride", "message"),
    [
        (SEQ_LEN + 1, None, "a window of 41 tokens is longer than the model's context of 40"),
        (8, 9, "a stride of 9 tokens would skip tokens between windows of 8"),
    ],
)
def test_windows_that_cannot_be_are_refused(
    reader: ModelReader, window: int, stride: int | None, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        reader.bits(TEXTS, window=window, stride=stride)
    assert caught.value.where == "r/m@1" and caught.value.hint


@pytest.mark.parametrize("form", ["chat", "plain"])
def test_it_writes_even_after_a_prompt_that_is_too_long(reader: ModelReader, form: Form) -> None:
    for text in ("os", "of the folders " * 30):
        written = reader.write(Prompt(form, text), max_new_tokens=500, temperature=1.0, top_p=0.9, seed=4)
        again = reader.write(Prompt(form, text), max_new_tokens=500, temperature=1.0, top_p=0.9, seed=4)
        assert written == again
        assert written.finish_reason in ("stop", "length")
