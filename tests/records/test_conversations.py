"""Four spellings of one conversation, and what is none."""

from __future__ import annotations

import pytest

from ontogeny.records.conversations import (
    Form,
    Message,
    NotAConversationError,
    detect_form,
    read_conversation,
)

PAIR = (Message("user", "Why?"), Message("assistant", "Because."))


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (
            {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]},
            Form.MESSAGES,
        ),
        ({"instruction": "Why?", "input": "", "output": "Because."}, Form.ALPACA),
        ({"instruction": "Why?", "output": "Because."}, Form.ALPACA),
        (
            {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}]},
            Form.SHAREGPT,
        ),
        ({"prompt": "Why?", "completion": "Because."}, Form.PAIR),
    ],
)
def test_the_forms_are_told_apart_and_mean_the_same(values: dict[str, object], form: Form) -> None:
    assert detect_form(values) is form
    assert read_conversation(values, form) == PAIR


def test_the_input_follows_the_instruction() -> None:
    values = {"instruction": "Add.", "input": "1, 2", "output": "3"}
    assert read_conversation(values, Form.ALPACA)[0] == Message("user", "Add.\n\n1, 2")


def test_a_system_message_may_come_first() -> None:
    values = {
        "messages": [
            {"role": "system", "content": ""},
            *({"role": m.role, "content": m.content} for m in PAIR),
        ]
    }
    assert read_conversation(values, Form.MESSAGES)[0].role == "system"


def test_other_columns_are_no_conversation() -> None:
    assert detect_form(["text", "label"]) is None


def turn(role: str, content: object = "x") -> dict[str, object]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ("text", "not a list of turns"),
        ([], "not a list of turns"),
        (["hello"], "turn 0 is not an object"),
        ([turn("tool")], "turn 0 has the role 'tool'; known are system, user, assistant"),
        ([turn("user", None)], "'content' is NoneType, not text"),
        ([turn("assistant")], "turn 0 is of the assistant where the user should speak"),
        ([turn("user"), turn("user")], "turn 1 is of the user where the assistant should speak"),
        ([turn("user"), turn("assistant", "  ")], r"turn 1 \(assistant\) is empty"),
        ([turn("user")], "does not end with an answer"),
        ([turn("system")], "does not end with an answer"),
    ],
)
def test_what_is_no_conversation_says_why(messages: object, says: str) -> None:
    with pytest.raises(NotAConversationError, match=says):
        read_conversation({"messages": messages}, Form.MESSAGES)
