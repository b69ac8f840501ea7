"""The text before an answer: description, examples, question, put together as lm-evaluation-harness does.

Everything is first a list of messages, each with what stands after it in plain text. A plain context is their texts
in a row; in chat they are turns, the examples too (api/task.py, `fewshot_context` and `build_qa_turn`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ontogeny.tasks.data import Row
from ontogeny.tasks.definition import TaskDefinition
from ontogeny.tasks.fields import Fields, Target
from ontogeny.tasks.requests import Chat, Context, Role, Turn

Form = Literal["plain", "chat"]


@dataclass(frozen=True, slots=True)
class Message:
    """What one side says; `after` stands behind it in plain text only."""

    role: Role
    content: str
    after: str = ""


class Prompts:
    """Builds the contexts of one task in one form."""

    def __init__(self, definition: TaskDefinition, fields: Fields, form: Form) -> None:
        self._definition, self._fields, self._form = definition, fields, form
        self._examples: dict[int, list[Message]] = {}

    def of(self, row: Row, examples: Sequence[tuple[int, Row]], *, asked: Row | None = None) -> list[Context]:
        """The contexts of an item: one, or one for each choice where the choices stand before what is scored.

        `examples` are rows with their places in the pool, by which what was written once is remembered. The question is
        written from `asked`, where it is given, and everything else from `row`.
        """
        definition, fields = self._definition, self._fields
        head: list[Message] = []
        if description := fields.rendered("description", definition.description, row):
            head.append(Message("system", description))
        for place, example in examples:
            if place not in self._examples:
                self._examples[place] = self._example(example)
            head += self._examples[place]
        prefix = fields.rendered("gen_prefix", definition.gen_prefix, row)
        question = fields.text(asked or row)
        if isinstance(question, str):
            return [self._joined([*head, *_turn(question, prefix, definition.target_delimiter)])]
        return [self._joined([*head, *_turn(choice, prefix, "")]) for choice in fields.choices(row)]

    @property
    def delimiter(self) -> str:
        """What stands between a context and a choice: nothing in chat, unless the answer was begun for the model."""
        prefix = self._definition.gen_prefix
        if self._form == "plain" or (prefix and not prefix[-1].isspace()):
            return self._definition.target_delimiter
        return ""

    def _example(self, row: Row) -> list[Message]:
        """A question with its answer."""
        own, general, fields = self._definition.fewshot_config, self._definition, self._fields
        question = fields.text(row, own.doc_to_text)
        target = fields.target(row, own.doc_to_target)
        chooses = general.doc_to_choice is not None or own.doc_to_choice is not None
        choices = fields.choices(row, own.doc_to_choice) if chooses else []
        if not isinstance(question, str):
            question, choices = choices[question], []
        prefix = fields.rendered("gen_prefix", own.gen_prefix or general.gen_prefix, row)
        between = general.target_delimiter if own.target_delimiter is None else own.target_delimiter
        after = general.fewshot_delimiter if own.fewshot_delimiter is None else own.fewshot_delimiter
        answer = _answer(target, choices)
        if not answer:
            return _turn(question, prefix, between)
        lead = between if not prefix or _needs_space(question, prefix) else ""
        return [Message("user", question, lead), Message("assistant", _spaced(prefix, answer), after)]

    def _joined(self, messages: Sequence[Message]) -> Context:
        if self._form == "plain":
            return "".join(message.content + message.after for message in messages)
        opening = messages[-1].content if messages[-1].role == "assistant" else ""
        turns = messages[:-1] if opening else messages
        return Chat(tuple(Turn(message.role, message.content) for message in turns), opening)


def _turn(question: str, prefix: str, delimiter: str) -> list[Message]:
    """A question that waits for its answer, which begins with `prefix`."""
    if not prefix:
        return [Message("user", question)]
    lead = delimiter if _needs_space(question, prefix) else ""
    return [Message("user", question, lead), Message("assistant", prefix)]


def _answer(target: Target, choices: Sequence[str]) -> str:
    if isinstance(target, list):
        target = target[0]
    if isinstance(target, int) and choices:
        return choices[target]
    return str(target)


def _needs_space(before: str, after: str) -> bool:
    return bool(before) and not (before[-1].isspace() or after[0].isspace())


def _spaced(before: str, after: str) -> str:
    """Both in a row, a space between them unless one has it already."""
    return f"{before} {after}" if before and _needs_space(before, after) else before + after
