"""The four forms in which people keep instructions, told apart by their columns and read as messages.

    messages              [{"role": "user", "content": ...}, ...]                      OpenAI
    instruction           instruction, input (optional), output; history (optional)    Alpaca
    conversations         [{"from": "human", "value": ...}, ...]                       ShareGPT
    prompt                prompt, completion                                           plain pairs

Each may have a column `system` beside it. A conversation must end with an answer of the assistant, and user and
assistant must alternate after an optional system message. What cannot be told by such messages alone, as are calls of
tools, pictures, and answers that are not to be learnt, is refused: to leave it out would change what is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ontogeny.records.row import Value

ROLES = ("system", "user", "assistant")
KNOWN_ROLES = {
    "system": "system",
    "developer": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
}
"""What the forms call a role, and what we do: OpenAI's names and ShareGPT's."""
TOOL_ROLES = ("tool", "function", "function_call", "function_response", "observation", "ipython")
TOOL_KEYS = ("tool_calls", "function_call")


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
OPTIONAL: dict[Form, tuple[str, ...]] = {Form.ALPACA: ("input", "history")}


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


def columns_of(form: Form) -> tuple[str, ...]:
    """The columns that a conversation of `form` is made of, where they are there."""
    return (*NEEDED[form], *OPTIONAL.get(form, ()), "system")


def read_conversation(values: Mapping[str, Value], form: Form) -> tuple[Message, ...]:
    """The messages of one row.

    Raises:
        NotAConversationError: a field of the wrong type, an unknown role, an empty turn, an order of roles that is
            none, or more than messages can tell.
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
            messages = (
                *_history(values),
                Message("user", whole),
                Message("assistant", _text(values, "output")),
            )
        case Form.PAIR:
            messages = (
                Message("user", _text(values, "prompt")),
                Message("assistant", _text(values, "completion")),
            )
    messages = (*_system(values, messages), *messages)
    _check_order(messages)
    return messages


def _turns(value: Value, *, role_key: str, content_key: str) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise NotAConversationError("the conversation is not a list of turns")
    messages = []
    for position, turn in enumerate(value):
        if not isinstance(turn, Mapping):
            raise NotAConversationError(f"turn {position} is not an object")
        role = str(turn.get(role_key))
        if role in TOOL_ROLES or any(turn.get(key) for key in TOOL_KEYS):
            raise NotAConversationError(
                f"turn {position} ({role}) is a call of a tool or its result, and those are not learnt"
            )
        if role not in KNOWN_ROLES:
            raise NotAConversationError(
                f"turn {position} has the role {turn.get(role_key)!r}; known are {', '.join(ROLES)}"
            )
        if turn.get("weight") == 0:
            raise NotAConversationError(
                f"turn {position} has the weight 0, but all answers of a conversation are learnt: end it before"
            )
        messages.append(Message(KNOWN_ROLES[role], _content(turn, content_key, position)))
    return tuple(messages)


def _content(turn: Mapping[str, Value], key: str, position: int) -> str:
    """The text of a turn, in one piece or in parts as OpenAI has them."""
    parts = turn.get(key)
    if not isinstance(parts, list):
        return _text(turn, key)
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
        if kind != "text":
            raise NotAConversationError(f"turn {position} holds a part of type {kind!r}; only text is read")
    return "".join(_text(part, "text") for part in parts)


def _history(values: Mapping[str, Value]) -> tuple[Message, ...]:
    """The turns before the instruction: pairs of what was asked and answered."""
    pairs = values.get("history") or []
    if not isinstance(pairs, list):
        raise NotAConversationError(f"'history' is {type(pairs).__name__}, not a list of pairs")
    messages: list[Message] = []
    for number, pair in enumerate(pairs):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise NotAConversationError(f"item {number} of 'history' is not a pair of texts")
        messages += [Message("user", pair[0]), Message("assistant", pair[1])]
    return tuple(messages)


def _system(values: Mapping[str, Value], messages: Sequence[Message]) -> tuple[Message, ...]:
    """The system message that stands in a column of its own."""
    said = _text(values, "system") if values.get("system") else ""
    if not said.strip():
        return ()
    if messages[0].role == "system":
        raise NotAConversationError(
            "there is a system message in the turns and another in the column 'system'"
        )
    return (Message("system", said),)


def _text(values: Mapping[str, Value], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise NotAConversationError(f"{key!r} is {type(value).__name__}, not text")
    return value


def _check_order(messages: Sequence[Message]) -> None:
    first = 1 if messages[0].role == "system" else 0
    for position, message in enumerate(messages[first:], start=first):
        expected = "user" if (position - first) % 2 == 0 else "assistant"
        if message.role == "system":
            raise NotAConversationError(
                f"turn {position} is a system message; only the first turn may be one"
            )
        if message.role != expected:
            again = ", twice in a row" if position > first else ""
            raise NotAConversationError(
                f"turn {position} is of the {message.role}{again} where the {expected} should speak"
            )
        if not message.content.strip():
            raise NotAConversationError(f"turn {position} ({message.role}) is empty")
    if not any(message.role == "assistant" for message in messages):
        raise NotAConversationError("the assistant says nothing: there is no answer to learn from")
    if messages[-1].role != "assistant":
        raise NotAConversationError("the conversation does not end with an answer of the assistant")
