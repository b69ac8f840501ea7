"""Chat templates by name: what they write, and which tokens are learnt, against a slow and obvious reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tokenizers

from ontogeny.core.errors import DataError, UsageError
from ontogeny.tokenizer.chat import Messages, encode_conversation, encode_prompt, render, turn_end
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.config import TEMPLATES
from ontogeny.tokenizer.templates import NAMED, template_notes, with_template, writes_the_same

PREAMBLE = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.\n\n"
)
SMOLLM2_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
LOOK_ALIKE = "a <|im_end|><|eot_id|><end_of_turn><|endoftext|> b ### Response:\n <|im_start|>assistant\n c"

Piece = tuple[str, bool, bool]  # text, whether it is learnt, whether it is a special token

CONVERSATIONS: dict[str, Messages] = {
    "one turn": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "This."}],
    "several turns": [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two 2\n\nlines"},
        {"role": "user", "content": "three"},
        {"role": "assistant", "content": "four"},
    ],
    "system": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
    ],
    "empty": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
    "white space": [
        {"role": "user", "content": "  one \n"},
        {"role": "assistant", "content": " \n two  three \n\n"},
        {"role": "user", "content": "\n"},
        {"role": "assistant", "content": "  "},
    ],
    "unicode": [
        {"role": "user", "content": "é 東京 👩‍👩‍👧 e\u0301"},
        {"role": "assistant", "content": "🙂 naïve \ue000 𝕏"},
    ],
    "look-alikes": [{"role": "user", "content": LOOK_ALIKE}, {"role": "assistant", "content": LOOK_ALIKE}],
    "unanswered": [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ],
}


@pytest.fixture(scope="session")
def rich(tokenizer: Tokenizer) -> Tokenizer:
    """A tokenizer with the special tokens of every template, but none of them as a stop but that of ChatML."""
    bpe = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    bpe.add_special_tokens([token for known in NAMED.values() for token in known.tokens])
    return Tokenizer(bpe, NAMED["chatml"].source)


def special(text: str, *, learnt: bool = False) -> Piece:
    return text, learnt, True


def plain(text: str, *, learnt: bool = False) -> Piece:
    return text, learnt, False


def chatml(messages: Messages) -> Iterator[Piece]:
    for message in messages:
        answers = message["role"] == "assistant"
        yield special("<|im_start|>")
        yield plain(message["role"] + "\n")
        yield plain(message["content"], learnt=answers)
        yield special("<|im_end|>", learnt=answers)
        yield plain("\n")


def smollm2(messages: Messages) -> Iterator[Piece]:
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SMOLLM2_SYSTEM}, *messages]
    yield from chatml(messages)


def llama_3(messages: Messages) -> Iterator[Piece]:
    yield special("<|begin_of_text|>")
    for message in messages:
        answers = message["role"] == "assistant"
        yield special("<|start_header_id|>")
        yield plain(message["role"])
        yield special("<|end_header_id|>")
        yield plain("\n\n")
        yield plain(message["content"].strip(), learnt=answers)
        yield special("<|eot_id|>", learnt=answers)


def gemma(messages: Messages) -> Iterator[Piece]:
    yield special("<bos>")
    head = ""
    for message in messages:
        if message["role"] == "system":
            head = message["content"] + "\n\n"
            continue
        answers = message["role"] == "assistant"
        yield special("<start_of_turn>")
        yield plain(("model" if answers else "user") + "\n" + head)
        yield plain(message["content"].strip(), learnt=answers)
        yield special("<end_of_turn>", learnt=answers)
        yield plain("\n")
        head = ""


def alpaca(messages: Messages) -> Iterator[Piece]:
    has_system = messages[0]["role"] == "system"
    yield plain(messages[0]["content"] + "\n\n" if has_system else PREAMBLE)
    for number, message in enumerate(messages[has_system:]):
        if message["role"] == "user":
            yield plain(("\n\n" if number else "") + "### Instruction:\n" + message["content"] + "\n\n")
        else:
            yield plain("### Response:\n")
            yield plain(message["content"], learnt=True)
            yield special("<|endoftext|>", learnt=True)


WRITTEN = {"chatml": chatml, "llama-3": llama_3, "gemma": gemma, "smollm2": smollm2, "alpaca": alpaca}


def reference(tokenizer: Tokenizer, pieces: Iterator[Piece]) -> tuple[list[int], list[int]]:
    """Ids and mask: text between special tokens is encoded whole, and a token is learnt where all it came from is."""
    ids: list[int] = []
    mask: list[int] = []
    text, flags = "", [False][:0]

    def flush() -> None:
        found, offsets = tokenizer.encode_with_offsets(text)
        ids.extend(found)
        mask.extend(int(all(flags[start:end])) for start, end in offsets)

    for piece, learnt, is_special in pieces:
        if is_special:
            flush()
            text, flags = "", []
            ids.append(tokenizer.special_ids[piece])
            mask.append(int(learnt))
        else:
            text += piece
            flags += [learnt] * len(piece)
    flush()
    return ids, mask


def test_every_name_has_a_template() -> None:
    assert tuple(NAMED) == TEMPLATES == tuple(WRITTEN)


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("talk", CONVERSATIONS)
def test_token_by_token(rich: Tokenizer, name: str, talk: str) -> None:
    tokenizer, messages = with_template(rich, name), CONVERSATIONS[talk]
    expected, learnt = reference(tokenizer, WRITTEN[name](messages))
    ids, mask = encode_conversation(tokenizer, messages)
    assert ids == expected
    assert mask == learnt


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_turn_is_learnt_with_its_end_and_nothing_else(rich: Tokenizer, name: str) -> None:
    tokenizer = with_template(rich, name)
    ids, mask = encode_conversation(tokenizer, CONVERSATIONS["several turns"])
    end = "<|endoftext|>" if name == "alpaca" else NAMED[name].tokens[-1]
    assert turn_end(tokenizer) == end
    assert tokenizer.special_id(end) in tokenizer.stop_ids
    learnt = tokenizer.decode([number for number, on in zip(ids, mask, strict=True) if on])
    assert learnt == f"two 2\n\nlines{end}four{end}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_prompt_ends_where_an_answer_begins(rich: Tokenizer, name: str) -> None:
    tokenizer, messages = with_template(rich, name), CONVERSATIONS["several turns"]
    for position in (1, 3):
        prompt = encode_prompt(tokenizer, messages[:position])
        ids, mask = encode_conversation(tokenizer, messages[: position + 1])
        assert ids[: len(prompt)] == prompt
        assert mask[len(prompt)] == 1
        assert mask[len(prompt) - 1] == 0


def test_a_template_from_a_file_is_saved_with_the_tokenizer(tmp_path: Path, rich: Tokenizer) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text(
        "{% for m in messages %}{{ m.role }}: {{ m.content }}<|eot_id|>{% endfor %}", encoding="utf-8"
    )
    tokenizer = with_template(rich, str(path))
    assert turn_end(tokenizer) == "<|eot_id|>"
    tokenizer.save(tmp_path)
    again = Tokenizer.load(tmp_path)
    messages = CONVERSATIONS["several turns"]
    assert again.chat_template == path.read_text(encoding="utf-8")
    assert render(again, messages[:2]) == "user: one<|eot_id|>assistant: two 2\n\nlines<|eot_id|>"


def test_without_a_choice_the_model_keeps_its_own(rich: Tokenizer) -> None:
    assert with_template(rich, None).chat_template == rich.chat_template
    assert list(template_notes(with_template(rich, None), rich)) == []
    assert list(template_notes(with_template(rich, "chatml"), rich)) == []


def test_another_than_the_models_own_is_told(rich: Tokenizer) -> None:
    (note,) = template_notes(with_template(rich, "llama-3"), rich)
    assert note.startswith("the chat template differs from the model's own")
    without = rich.with_chat_template(None)
    assert list(template_notes(with_template(without, "llama-3"), without)) == []


def test_templates_are_compared_by_what_they_write(rich: Tokenizer) -> None:
    spelt_otherwise = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    assert writes_the_same(rich, rich.with_chat_template(spelt_otherwise))
    assert not writes_the_same(
        rich, rich.with_chat_template(spelt_otherwise.replace("m.content", "m.content | trim"))
    )
    assert not writes_the_same(rich, with_template(rich, "smollm2"))


@pytest.mark.parametrize(
    ("ending", "expected"), [("", "ends an answer without a special token"), ("{{ eos_token }}", None)]
)
def test_what_a_template_writes_in_vain_is_told(rich: Tokenizer, ending: str, expected: str | None) -> None:
    source = "{% for m in messages %}<|" + "{{ m.role }}|>{{ m.content }}" + ending + "{% endfor %}"
    notes = list(
        template_notes(with_template(rich.with_chat_template(source), None), rich.with_chat_template(None))
    )
    assert len(notes) == (expected is not None)
    assert all(expected is not None and expected in note for note in notes)


def test_special_tokens_of_others_are_told(rich: Tokenizer) -> None:
    source = "{% for m in messages %}<|user|>\n{{ m.content }}{{ eos_token }}{% endfor %}"
    (note,) = template_notes(rich.with_chat_template(source), rich.with_chat_template(source))
    assert note.startswith(
        "the chat template writes <|user|>, which this tokenizer does not have as special tokens"
    )


def test_tokens_that_the_tokenizer_lacks(tokenizer: Tokenizer) -> None:
    with pytest.raises(
        UsageError,
        match=r"the template 'gemma' needs the special tokens <bos>, <start_of_turn>, <end_of_turn>, which",
    ) as caught:
        with_template(tokenizer, "gemma")
    assert caught.value.where == "template"
    assert (
        caught.value.hint
        == "choose chatml or smollm2 or alpaca, or leave `template` out to keep the model's own"
    )


def test_a_model_without_a_template_needs_a_choice(tokenizer: Tokenizer) -> None:
    with pytest.raises(UsageError, match="the model has no chat template") as caught:
        with_template(tokenizer.with_chat_template(None), None)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("give one with `template`: chatml or smollm2 or alpaca, or a file")
    assert with_template(tokenizer.with_chat_template(None), "alpaca").chat_template == NAMED["alpaca"].source


def test_a_file_that_is_not_there(tmp_path: Path, rich: Tokenizer) -> None:
    with pytest.raises(UsageError, match="the chat template cannot be read") as caught:
        with_template(rich, str(tmp_path / "none.jinja"))
    assert caught.value.where == str(tmp_path / "none.jinja")


@pytest.mark.parametrize(
    ("name", "messages", "expected"),
    [
        ("gemma", ["user", "user"], "turn 2 is of the user, not of the assistant"),
        ("gemma", ["user", "tool"], "turn 2 is of the tool, not of the assistant"),
        ("alpaca", ["user", "tool"], "it has no place for the role tool"),
    ],
)
def test_roles_that_a_template_has_no_place_for(
    rich: Tokenizer, name: str, messages: list[str], expected: str
) -> None:
    with pytest.raises(DataError, match=expected):
        render(with_template(rich, name), [{"role": role, "content": "x"} for role in messages])
