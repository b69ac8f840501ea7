"""Conversations as tokens: the chat template, and which tokens an assistant spoke.

A template is Jinja, rendered in the immutable sandbox with bounds on output and time. What looks like a special token
inside a message is kept plain: it is veiled before rendering, so that only special tokens of the template itself are
parsed, and unveiled in the plain text between them. Messages without such look-alikes give exactly the tokens of
`transformers`' `apply_chat_template`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from jinja2 import TemplateError
from jinja2.environment import Template
from jinja2.ext import loopcontrols

from ontogeny.core.errors import DataError, ModelFormatError
from ontogeny.core.sandbox import BoundedEnvironment, EndlessTemplateError
from ontogeny.tokenizer.codec import Tokenizer

Messages = Sequence[Mapping[str, str]]  # each with `role` and `content`

VEIL = "\ue000"  # first of Unicode's private use area; repeated until no message contains it


class _TemplateRefusalError(Exception):
    """Raised by a template's own `raise_exception`."""


def render(tokenizer: Tokenizer, messages: Messages, *, add_generation_prompt: bool = False) -> str:
    """The conversation as text, for people to read; use `encode_prompt` for what a model reads.

    Raises:
        ModelFormatError: there is no template, or it fails, or it writes without end.
        DataError: the template refuses these messages, e.g. two user turns in a row.
    """
    if tokenizer.chat_template is None:
        raise ModelFormatError(
            "the model has no chat template",
            hint="use plain text, or add `chat_template` to tokenizer_config.json",
        )
    environment, template = _compiled(tokenizer.chat_template)
    variables = {
        "messages": [dict(message) for message in messages],
        "add_generation_prompt": add_generation_prompt,
        "bos_token": tokenizer.begin_of_text,
        "eos_token": tokenizer.end_of_text,
    }
    try:
        return environment.render(template, variables)
    except _TemplateRefusalError as error:
        raise DataError(f"the chat template refuses this conversation: {error}") from error
    except EndlessTemplateError as error:
        raise ModelFormatError(
            f"the chat template goes on without end: {error}",
            hint="mend `chat_template` in tokenizer_config.json",
        ) from error
    except (
        TemplateError,
        TypeError,
        ValueError,
        KeyError,
        ArithmeticError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ModelFormatError(
            f"the chat template fails: {error}", hint="mend `chat_template` in tokenizer_config.json"
        ) from error


def encode_prompt(tokenizer: Tokenizer, messages: Messages) -> list[int]:
    """Token ids of a conversation up to where the assistant's next answer begins."""
    veiled, veil = _veil(tokenizer, messages)
    return [
        token.id for token in _tokens(tokenizer, render(tokenizer, veiled, add_generation_prompt=True), veil)
    ]


def encode_conversation(tokenizer: Tokenizer, messages: Messages) -> tuple[list[int], list[int]]:
    """Token ids of a conversation, and its loss mask: 1 on what an assistant said and the token that ends it.

    Raises:
        DataError: the template refuses the messages, or writes them so that answers cannot be told.
        ModelFormatError: there is no template, or it fails.
    """
    veiled, veil = _veil(tokenizer, messages)
    rendered = render(tokenizer, veiled)
    tokens = list(_tokens(tokenizer, rendered, veil))
    mask = [0] * len(tokens)
    for start, end in _answers(tokenizer, veiled, rendered):
        first, last = len(rendered[:start].replace(veil, "")), len(rendered[:end].replace(veil, ""))
        for position, token in enumerate(tokens):
            if first <= token.start and token.end <= last:
                mask[position] = 1
    return [token.id for token in tokens], mask


class _Token(NamedTuple):
    """A token and the characters [start, end) of the unveiled text that it came from."""

    id: int
    start: int
    end: int


def _veil(tokenizer: Tokenizer, messages: Messages) -> tuple[list[dict[str, str]], str]:
    """The messages with a veil inside whatever looks like a special token, and the veil."""
    texts = [text for message in messages for text in message.values()]
    veil = VEIL
    while any(veil in text for text in texts):
        veil += VEIL

    def cover(text: str) -> str:
        return tokenizer.special_pattern.sub(lambda match: match[0][:1] + veil + match[0][1:], text)

    return [{key: cover(text) for key, text in message.items()} for message in messages], veil


def _tokens(tokenizer: Tokenizer, rendered: str, veil: str) -> Iterator[_Token]:
    """Special tokens of the template as themselves, everything between them as plain text."""
    place = done = 0
    for match in [*tokenizer.special_pattern.finditer(rendered), None]:
        plain = rendered[done : match.start() if match else len(rendered)].replace(veil, "")
        if plain:
            ids, offsets = tokenizer.encode_with_offsets(plain)
            for number, (start, end) in zip(ids, offsets, strict=True):
                yield _Token(number, place + start, place + end)
            place += len(plain)
        if match:
            yield _Token(tokenizer.special_ids[match[0]], place, place + len(match[0]))
            place += len(match[0])
            done = match.end()


def _answers(tokenizer: Tokenizer, messages: Messages, rendered: str) -> Iterator[tuple[int, int]]:
    """Where in `rendered` an assistant speaks: from after its prompt to the end of the token that ends the turn.

    `messages` are veiled, so a special token found there is the template's.
    """
    for position, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = render(tokenizer, messages[:position], add_generation_prompt=True)
        through = render(tokenizer, messages[: position + 1])
        if not (rendered.startswith(before) and rendered.startswith(through) and through.startswith(before)):
            raise DataError(
                f"the chat template writes what comes before turn {position + 1} differently once that turn is there, "
                "so the answer cannot be told",
                hint="use a template that only appends, such as chatml",
            )
        end = _first_stop(tokenizer, through, len(before))
        yield len(before), len(through) if end is None else end.end()


def _first_stop(tokenizer: Tokenizer, rendered: str, start: int) -> re.Match[str] | None:
    """The first token from `start` on that ends an answer."""
    stops = tokenizer.stop_ids
    found = tokenizer.special_pattern.finditer(rendered, start)
    return next((match for match in found if tokenizer.special_ids[match[0]] in stops), None)


def turn_end(tokenizer: Tokenizer) -> str | None:
    """The special token with which the chat template ends an answer; None where it writes none."""
    asked, answer = {"role": "user", "content": "question"}, {"role": "assistant", "content": "answer"}
    text = render(tokenizer, [asked, answer])
    match = tokenizer.special_pattern.search(text, text.rfind("answer"))
    return match[0] if match else None


def encode_opening(tokenizer: Tokenizer) -> tuple[list[int], int]:
    """Token ids of a conversation up to where its first question begins, and the special token that ends a question.

    Raises:
        DataError: the template ends questions without one.
        ModelFormatError: there is no template, or it fails.
    """
    rendered = render(tokenizer, [{"role": "user", "content": VEIL}])
    before, _, after = rendered.partition(VEIL)
    match = tokenizer.special_pattern.search(after)
    if match is None:
        raise DataError(
            "the chat template ends questions without a special token, so none can be made up",
            hint="choose another `template`, or name examples to replay",
        )
    return [token.id for token in _tokens(tokenizer, before, VEIL)], tokenizer.special_ids[match[0]]


@functools.lru_cache(maxsize=16)
def _compiled(source: str) -> tuple[BoundedEnvironment, Template]:
    environment = BoundedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.globals["raise_exception"] = _refuse
    try:
        return environment, environment.template(source)
    except TemplateError as error:
        raise ModelFormatError(
            f"the chat template is not valid Jinja: {error}",
            hint="mend `chat_template` in tokenizer_config.json",
        ) from error


def _refuse(message: str) -> None:
    raise _TemplateRefusalError(message)
