"""Four spellings of one conversation, and what is none."""

from __future__ import annotations

import pytest

from ontogeny.records.conversations import (
    Form,
    Message,
    NotAConversationError,
    columns_of,
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
        ([turn("judge")], "turn 0 has the role 'judge'; known are system, user, assistant"),
        (
            [turn("user"), turn("tool")],
            r"turn 1 \(tool\) is a call of a tool or its result, and those are not learnt",
        ),
        (
            [turn("user"), {**turn("assistant", None), "tool_calls": [{}]}],
            r"turn 1 \(assistant\) is a call of a tool",
        ),
        ([turn("user"), {**turn("assistant"), "weight": 0}], "turn 1 has the weight 0"),
        (
            [turn("user", [{"type": "image_url"}])],
            "turn 0 holds a part of type 'image_url'; only text is read",
        ),
        ([turn("user", ["x"])], "turn 0 holds a part of type 'str'"),
        (
            [turn("user"), turn("assistant"), turn("system")],
            "turn 2 is a system message; only the first turn may",
        ),
        ([turn("user", None)], "'content' is NoneType, not text"),
        ([turn("assistant")], "turn 0 is of the assistant where the user should speak"),
        (
            [turn("user"), turn("user")],
            "turn 1 is of the user, twice in a row where the assistant should speak",
        ),
        ([turn("system"), turn("user"), turn("user")], "turn 2 is of the user, twice in a row"),
        ([turn("user"), turn("assistant", "  ")], r"turn 1 \(assistant\) is empty"),
        ([turn("user")], "the assistant says nothing: there is no answer to learn from"),
        ([turn("system")], "the assistant says nothing"),
        ([turn("user"), turn("assistant"), turn("user")], "does not end with an answer"),
    ],
)
def test_what_is_no_conversation_says_why(messages: object, says: str) -> None:
    with pytest.raises(NotAConversationError, match=says):
        read_conversation({"messages": messages}, Form.MESSAGES)


def test_parts_of_text_are_one_text() -> None:
    parts = [{"type": "text", "text": "Be"}, {"type": "text", "text": "cause."}]
    values = {"messages": [turn("user", "Why?"), turn("assistant", parts)]}
    assert read_conversation(values, Form.MESSAGES) == PAIR


def test_a_developer_is_the_system() -> None:
    values = {"messages": [turn("developer"), turn("user"), turn("assistant")]}
    assert [message.role for message in read_conversation(values, Form.MESSAGES)] == [
        "system",
        "user",
        "assistant",
    ]


def test_what_stands_beside_the_turns_is_not_lost() -> None:
    values = {
        "instruction": "Why?",
        "output": "Because.",
        "system": "Be short.",
        "history": [["Hi.", "Hello."]],
    }
    assert read_conversation(values, Form.ALPACA) == (
        Message("system", "Be short."),
        Message("user", "Hi."),
        Message("assistant", "Hello."),
        *PAIR,
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"history": "x"}, "'history' is str, not a list of pairs"),
        ({"history": [["x"]]}, "item 0 of 'history' is not a pair of texts"),
        ({"system": 3}, "'system' is int, not text"),
    ],
)
def test_what_stands_beside_the_turns_must_be_readable(values: dict[str, object], says: str) -> None:
    with pytest.raises(NotAConversationError, match=says):
        read_conversation({"instruction": "Why?", "output": "Because.", **values}, Form.ALPACA)


def test_two_system_messages_are_one_too_many() -> None:
    values = {"messages": [turn("system"), turn("user"), turn("assistant")], "system": "Be short."}
    with pytest.raises(
        NotAConversationError, match="a system message in the turns and another in the column"
    ):
        read_conversation(values, Form.MESSAGES)


@pytest.mark.parametrize("form", list(Form))
def test_the_columns_of_a_form_are_those_that_it_is_made_of(form: Form) -> None:
    assert detect_form(columns_of(form)) is form
