"""The four forms in which people keep instructions, told apart by their columns and read as messages.

    messages              [{"role": "user", "content": ...}, ...]                      OpenAI
    instruction           instruction, input (optional), output                       Alpaca
    conversations         [{"from": "human", "value": ...}, ...]                       ShareGPT
    prompt                prompt, completion                                           plain pairs

A conversation must end with an answer of the assistant, and roles must alternate after an optional system message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ontogeny.records.row import Value

ROLES = ("system", "user", "assistant")
SHAREGPT_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
}


class Form(StrEnum):
    """How a row spells a conversation; the value is shown in figures and errors."""

    MESSAGES = "messages"
    ALPACA = "instruction, input, output"
    SHAREGPT = "conversations"
    PAIR = "prompt, completion"


NEEDED: dict[Form, tuple[str, ...]] = {
    Form.MESSAGES: ("messages",),
    Form.ALPACA: ("instruction", "output"),
    Form.SHAREGPT: ("conversations",),
    Form.PAIR: ("prompt", "completion"),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` is system, user or assistant."""

    role: str
    content: str


class NotAConversationError(ValueError):
    """What a row lacks to be a conversation."""


def detect_form(columns: Iterable[str]) -> Form | None:
    """The form whose columns are all there; None for no form."""
    there = set(columns)
    return next((form for form, needed in NEEDED.items() if there.issuperset(needed)), None)


def read_conversation(values: Mapping[str, Value], form: Form) -> tuple[Message, ...]:
    """The messages of one row.

    Raises:
        NotAConversationError: a field of the wrong type, an unknown role, an empty turn, or an order of roles that
            is none.
    """
    match form:
        case Form.MESSAGES:
            messages = _turns(values["messages"], role_key="role", content_key="content")
        case Form.SHAREGPT:
            messages = _turns(values["conversations"], role_key="from", content_key="value")
        case Form.ALPACA:
            question = _text(values, "instruction")
            extra = _text(values, "input") if values.get("input") else ""
            whole = f"{question}\n\n{extra}" if extra.strip() else question
            messages = (Message("user", whole), Message("assistant", _text(values, "output")))
        case Form.PAIR:
            messages = (
                Message("user", _text(values, "prompt")),
                Message("assistant", _text(values, "completion")),
            )
    _check_order(messages)
    return messages


def _turns(value: Value, *, role_key: str, content_key: str) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise NotAConversationError("the conversation is not a list of turns")
    messages = []
    for position, turn in enumerate(value):
        if not isinstance(turn, Mapping):
            raise NotAConversationError(f"turn {position} is not an object")
        role = SHAREGPT_ROLES.get(str(turn.get(role_key)))
        if role is None:
            raise NotAConversationError(
                f"turn {position} has the role {turn.get(role_key)!r}; known are {', '.join(ROLES)}"
            )
        messages.append(Message(role, _text(turn, content_key)))
    return tuple(messages)


def _text(values: Mapping[str, Value], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise NotAConversationError(f"{key!r} is {type(value).__name__}, not text")
    return value


def _check_order(messages: tuple[Message, ...]) -> None:
    turns = messages[1:] if messages[0].role == "system" else messages
    for position, message in enumerate(turns):
        expected = "user" if position % 2 == 0 else "assistant"
        if message.role != expected:
            raise NotAConversationError(
                f"turn {position} is of the {message.role} where the {expected} should speak"
            )
        if not message.content.strip():
            raise NotAConversationError(f"turn {position} ({message.role}) is empty")
    if not turns or turns[-1].role != "assistant":
        raise NotAConversationError("the conversation does not end with an answer of the assistant")
