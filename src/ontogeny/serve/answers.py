"""Answers as OpenAI's clients expect them: whole ones, pieces of a stream, and the list of models.

Fields that OpenAI always sends are always here, null where there is nothing to say; `usage` is left out of the pieces
of a stream unless it was asked for, which is how OpenAI does it. `ChatForm` and `TextForm` make all of them for one
request, so that the code that reads the model need not know which of the two it serves.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict

FinishReason = Literal["stop", "length"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Usage(_Answer):
    """What one request cost, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, prompt_tokens: int, completion_tokens: int) -> Usage:
        """The usage with its sum."""
        return cls(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            total_tokens=prompt_tokens + completion_tokens,
        )


class ChatMessage(_Answer):
    """The model's turn."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(_Answer):
    """The one answer to a conversation."""

    index: int = 0
    message: ChatMessage
    logprobs: None = None
    finish_reason: FinishReason


class ChatCompletion(_Answer):
    """A whole answer to a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage


class Delta(_Answer):
    """What a piece adds to the answer; a field that adds nothing is left out."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChatChunkChoice(_Answer):
    """A piece of the one answer."""

    index: int = 0
    delta: Delta
    logprobs: None = None
    finish_reason: FinishReason | None = None


class ChatChunk(_Answer):
    """A piece of a streamed answer to a conversation."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChunkChoice]


class TextChoice(_Answer):
    """A continuation, or a piece of one."""

    index: int = 0
    text: str
    logprobs: None = None
    finish_reason: FinishReason | None = None


class TextCompletion(_Answer):
    """A continuation of a prompt; a stream sends the same form piece by piece."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: Usage | None = None


class ModelCard(_Answer):
    """One model that the server has."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "ontogeny"


class ModelList(_Answer):
    """All models that the server has."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Form(Protocol):
    """How one request's answer is written."""

    def whole(self, text: str, *, finish_reason: FinishReason, usage: Usage) -> BaseModel:
        """The whole answer at once."""
        ...

    def pieces_before(self) -> list[BaseModel]:
        """What a stream starts with, before the model has said anything."""
        ...

    def piece(self, text: str) -> BaseModel:
        """A piece of the answer's text."""
        ...

    def end(self, finish_reason: FinishReason) -> BaseModel:
        """The piece that says why the answer ended."""
        ...

    def without_choices(self) -> BaseModel:
        """The piece that carries nothing but the usage."""
        ...


@dataclass(frozen=True)
class _Identity:
    """What is the same in every piece of one answer."""

    model: str
    fingerprint: str
    created: int = field(default_factory=lambda: int(time.time()))
    number: str = field(default_factory=lambda: uuid.uuid4().hex)


class ChatForm(_Identity):
    """The answer to a conversation."""

    def whole(self, text: str, *, finish_reason: FinishReason, usage: Usage) -> ChatCompletion:
        """The whole answer at once."""
        choice = ChatChoice(message=ChatMessage(content=text), finish_reason=finish_reason)
        return ChatCompletion(
            id=f"chatcmpl-{self.number}",
            created=self.created,
            model=self.model,
            system_fingerprint=self.fingerprint,
            choices=[choice],
            usage=usage,
        )

    def pieces_before(self) -> list[BaseModel]:
        """A piece that says who speaks: clients expect the role first."""
        return [self._chunk([ChatChunkChoice(delta=Delta(role="assistant", content=""))])]

    def piece(self, text: str) -> ChatChunk:
        """A piece of the answer's text."""
        return self._chunk([ChatChunkChoice(delta=Delta(content=text))])

    def end(self, finish_reason: FinishReason) -> ChatChunk:
        """The piece that says why the answer ended."""
        return self._chunk([ChatChunkChoice(delta=Delta(), finish_reason=finish_reason)])

    def without_choices(self) -> ChatChunk:
        """The piece that carries nothing but the usage."""
        return self._chunk([])

    def _chunk(self, choices: list[ChatChunkChoice]) -> ChatChunk:
        return ChatChunk(
            id=f"chatcmpl-{self.number}",
            created=self.created,
            model=self.model,
            system_fingerprint=self.fingerprint,
            choices=choices,
        )


class TextForm(_Identity):
    """The continuation of a prompt."""

    def whole(self, text: str, *, finish_reason: FinishReason, usage: Usage) -> TextCompletion:
        """The whole answer at once."""
        return self._completion([TextChoice(text=text, finish_reason=finish_reason)], usage)

    def pieces_before(self) -> list[BaseModel]:
        """Nothing: the first piece is text."""
        return []

    def piece(self, text: str) -> TextCompletion:
        """A piece of the continuation."""
        return self._completion([TextChoice(text=text)])

    def end(self, finish_reason: FinishReason) -> TextCompletion:
        """The piece that says why the continuation ended."""
        return self._completion([TextChoice(text="", finish_reason=finish_reason)])

    def without_choices(self) -> TextCompletion:
        """The piece that carries nothing but the usage."""
        return self._completion([])

    def _completion(self, choices: list[TextChoice], usage: Usage | None = None) -> TextCompletion:
        return TextCompletion(
            id=f"cmpl-{self.number}",
            created=self.created,
            model=self.model,
            system_fingerprint=self.fingerprint,
            choices=choices,
            usage=usage,
        )
