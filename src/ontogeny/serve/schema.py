"""Requests as OpenAI's clients send them, checked at the edge.

Every field that has an effect here is declared. A field that OpenAI knows and we do not support is accepted only with
the value that means "off", because an option that is silently ignored is a wrong answer; a field that nobody knows is
refused with the nearest name. The answers stand in `answers.py`.

Reference: the OpenAI API as the `openai` Python client 3.54 types it (`openai/types/chat`, `openai/types/completion*`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from ontogeny.core.errors import nearest

COMPLETION_MAX_TOKENS = 16
"""Length of a plain completion when the request gives none: OpenAI's documented default of `/v1/completions`."""

MAX_STOP_SEQUENCES = 4
"""OpenAI's limit; each costs a search of the text at every token."""

OFF: dict[str, tuple[object, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "presence_penalty": (0, 0.0),
    "frequency_penalty": (0, 0.0),
    "echo": (False,),
    "logit_bias": ({},),
    "suffix": ("",),
    "tools": ([],),
    "tool_choice": ("none",),
    "functions": ([],),
    "function_call": ("none",),
    "parallel_tool_calls": (),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "store": (False,),
    "service_tier": ("auto", "default"),
    "metadata": ({},),
    "audio": (),
    "prediction": (),
    "reasoning_effort": ("none",),
    "verbosity": (),
    "web_search_options": (),
    "include_obfuscation": (False,),
    "tool_calls": ([],),
    "refusal": (),
    "annotations": ([],),
}
"""OpenAI's fields that are not supported here, each with the values besides null that ask for nothing."""


class _Strict(BaseModel):
    """A part of a request: frozen, and no field without an effect."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    @model_validator(mode="after")
    def _no_effectless_fields(self) -> Self:
        for name, value in (self.model_extra or {}).items():
            if name in OFF or name in ("logprobs", "top_logprobs"):
                if value is None or any(type(value) is type(off) and value == off for off in self._off(name)):
                    continue
                raise PydanticCustomError(
                    "unsupported_parameter", "{what}", {"what": _unsupported(name, value), "param": name}
                )
            known = [*type(self).model_fields, *OFF]
            message = f"Unknown parameter: {name!r}.{nearest(name, known)}"
            raise PydanticCustomError("unknown_parameter", "{what}", {"what": message, "param": name})
        return self

    @staticmethod
    def _off(name: str) -> tuple[object, ...]:
        # `logprobs` is a switch for chat and a count for completions, where 0 still asks for the chosen token's
        return (False,) if name == "logprobs" else OFF.get(name, ())


def _unsupported(name: str, value: object) -> str:
    if name in ("n", "best_of"):
        return f"`{name}` must be 1: this server makes one answer a request. Send the request {value!r:.20} times."
    return f"`{name}` is not supported by this server and would have no effect; leave it out."


def _utf8(value: object) -> object:
    """Refuse lone surrogates, which JSON can carry and no tokenizer can read."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError(
                "not_unicode", "the text holds a lone surrogate, which is not a character"
            ) from None
    return value


def _text_of(value: object) -> object:
    """A message's content: a string, or a list of text parts, joined."""
    if isinstance(value, list):
        texts = [part.get("text") for part in value if isinstance(part, dict) and part.get("type") == "text"]
        if len(texts) != len(value) or not all(isinstance(text, str) for text in texts):
            raise PydanticCustomError(
                "text_only",
                "the model reads text only: each part must be {form}",
                {"form": '{"type": "text", "text": "…"}'},
            )
        value = "".join(str(text) for text in texts)
    if not isinstance(value, str):
        raise PydanticCustomError("content_type", "expected a string or a list of text parts")
    return _utf8(value)


def _one_prompt(value: object) -> object:
    """A completion's prompt: a string or a list of token ids; a list of one such prompt is the prompt."""
    if isinstance(value, list) and value and isinstance(value[0], str | list):
        if len(value) > 1:
            raise PydanticCustomError(
                "one_prompt",
                "this server takes one prompt a request, not {n}; send one request for each",
                {"n": len(value)},
            )
        value = value[0]
    if isinstance(value, list) and not all(type(token) is int for token in value):
        raise PydanticCustomError("prompt_type", "expected a string or a list of token ids")
    if not isinstance(value, str | list):
        raise PydanticCustomError("prompt_type", "expected a string or a list of token ids")
    return _utf8(value)


def _stop_list(value: object) -> object:
    """`stop` as a list, whichever way it was sent."""
    stops = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) and stop for stop in stops):
        raise PydanticCustomError("stop_type", "expected a string, or a list of strings, none of them empty")
    if len(stops) > MAX_STOP_SEQUENCES:
        message = "at most {most} sequences can stop an answer, not {n}"
        raise PydanticCustomError("stop_count", message, {"most": MAX_STOP_SEQUENCES, "n": len(stops)})
    for stop in stops:
        _utf8(stop)
    return stops


def _texts(value: object) -> object:
    """`input` as a list, whichever way it was sent."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise PydanticCustomError("input_type", "expected a string, or a list of strings")
    for text in texts:
        _utf8(text)
    return texts


Text = Annotated[str, BeforeValidator(_text_of)]
Texts = Annotated[list[str], BeforeValidator(_texts)]
Prompt = Annotated[str | list[int], BeforeValidator(_one_prompt)]
Stops = Annotated[list[str], BeforeValidator(_stop_list)]
Name = Annotated[str, BeforeValidator(_utf8)]


class StreamOptions(_Strict):
    """How a streamed answer ends."""

    include_usage: bool = False


class Message(_Strict):
    """One turn of a conversation; `developer` is OpenAI's newer word for `system`."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text

    def plain(self) -> dict[str, str]:
        """The turn as the chat template reads it."""
        return {"role": "system" if self.role == "developer" else self.role, "content": self.content}


class _Request(_Strict):
    """What chat and plain completions share. A sampling field that is left out takes the server's default."""

    model: Name
    temperature: Annotated[FiniteFloat, Field(ge=0, le=2)] | None = None
    top_p: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    """Not OpenAI's; sent through `extra_body`, as with vLLM and llama.cpp."""
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: Stops = []
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = None
    """The client's own label for its user, as are the next two: not options, accepted and not kept."""
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, data: Any) -> Any:
        """OpenAI takes null for any optional field as "not given"."""
        return (
            {key: value for key, value in data.items() if value is not None}
            if isinstance(data, dict)
            else data
        )

    @model_validator(mode="after")
    def _stream_options_need_a_stream(self) -> Self:
        if self.stream_options is not None and not self.stream:
            message = "`stream_options` has an effect only together with `stream: true`."
            raise PydanticCustomError(
                "unsupported_parameter", "{what}", {"what": message, "param": "stream_options"}
            )
        return self


class ChatRequest(_Request):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.max_tokens and self.max_completion_tokens and self.max_tokens != self.max_completion_tokens:
            message = (
                "`max_tokens` and `max_completion_tokens` are two names of one limit and differ; send one."
            )
            raise PydanticCustomError(
                "unsupported_parameter", "{what}", {"what": message, "param": "max_tokens"}
            )
        return self


class CompletionRequest(_Request):
    """`POST /v1/completions`; without a prompt the model starts a new document."""

    prompt: Prompt = ""
    max_tokens: Annotated[int, Field(ge=1)] = COMPLETION_MAX_TOKENS


class ClassifyRequest(_Strict):
    """`POST /v1/classify`, which is ours; `input` as OpenAI's `/v1/embeddings` and `/v1/moderations` take it."""

    model: Name
    input: Texts
