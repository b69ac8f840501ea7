"""What a request may hold, and what is said about what it may not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ontogeny.serve.schema import OFF, ChatRequest, CompletionRequest
from tests.serve.conftest import NAME

CHAT: dict[str, Any] = {"model": NAME, "messages": [{"role": "user", "content": "hello"}]}
TEXT: dict[str, Any] = {"model": NAME, "prompt": "hello"}


def refusal(http: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = http.post(f"/v1/{path}", json=body)
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@pytest.mark.parametrize("name", OFF)
def test_an_option_without_effect_is_refused_and_its_off_values_are_not(name: str) -> None:
    for value in (None, *OFF[name]):
        ChatRequest.model_validate({**CHAT, name: value})
    with pytest.raises(ValueError, match=rf"`{name}` (must be 1|is not supported by this server)"):
        ChatRequest.model_validate({**CHAT, name: {"something": "asked"}})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("n", 2, "`n` must be 1: this server makes one answer a request. Send the request 2 times."),
        ("n", True, "`n` must be 1: this server makes one answer a request. Send the request True times."),
        (
            "logprobs",
            True,
            "`logprobs` is not supported by this server and would have no effect; leave it out.",
        ),
        (
            "top_logprobs",
            2,
            "`top_logprobs` is not supported by this server and would have no effect; leave it out.",
        ),
        ("temprature", 1, "Unknown parameter: 'temprature'. Did you mean 'temperature'?"),
        ("temperature", 3, "`temperature`: Input should be less than or equal to 2."),
        ("top_p", 0, "`top_p`: Input should be greater than 0."),
        ("top_k", 0, "`top_k`: Input should be greater than or equal to 1."),
        ("max_tokens", 0, "`max_tokens`: Input should be greater than or equal to 1."),
        ("seed", 2**63, "`seed`: Input should be less than 9223372036854775808."),
        ("stop", ["a", "b", "c", "d", "e"], "`stop`: at most 4 sequences can stop an answer, not 5."),
        ("stop", [""], "`stop`: expected a string, or a list of strings, none of them empty."),
        ("messages", [], "`messages`: List should have at least 1 item after validation, not 0."),
        ("messages", "hi", "`messages`: Input should be a valid list."),
        (
            "stream_options",
            {"include_usage": True},
            "`stream_options` has an effect only together with `stream: true`.",
        ),
        ("model", 3, "`model`: Input should be a valid string."),
    ],
)
def test_fields_of_a_chat_request(http: httpx.Client, field: str, value: object, message: str) -> None:
    error = refusal(http, "chat/completions", {**CHAT, field: value})
    assert error["message"] == message
    assert (error["type"], error["param"]) == ("invalid_request_error", field)


@pytest.mark.parametrize(
    ("message", "param", "said"),
    [
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1/x"}}]},
            "messages[0].content",
            'the model reads text only: each part must be {"type": "text", "text": "…"}',
        ),
        ({"role": "user", "content": 5}, "messages[0].content", "expected a string or a list of text parts"),
        (
            {"role": "tool", "content": "x"},
            "messages[0].role",
            "Input should be 'system', 'developer', 'user' or",
        ),
        ({"role": "user"}, "messages[0].content", "The required field `messages[0].content` is missing."),
        ({"role": "user", "content": "x", "name": "ann"}, "name", "Unknown parameter: 'name'."),
        (
            {"role": "assistant", "content": "x", "tool_calls": [{}]},
            "tool_calls",
            "`tool_calls` is not supported",
        ),
    ],
)
def test_messages(http: httpx.Client, message: dict[str, Any], param: str, said: str) -> None:
    error = refusal(http, "chat/completions", {**CHAT, "messages": [message]})
    assert said in error["message"]
    assert error["param"] == param


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "prompt",
            ["a", "b"],
            "`prompt`: this server takes one prompt a request, not 2; send one request for each.",
        ),
        ("prompt", [1.5], "`prompt`: expected a string or a list of token ids."),
        ("prompt", 7, "`prompt`: expected a string or a list of token ids."),
        ("prompt", [], "The list of token ids is empty."),
        ("prompt", [256], "Token 256 is not in the vocabulary, which runs from 0 to 255."),
        ("echo", True, "`echo` is not supported by this server and would have no effect; leave it out."),
        ("logprobs", 0, "`logprobs` is not supported by this server and would have no effect; leave it out."),
    ],
)
def test_fields_of_a_completion_request(http: httpx.Client, field: str, value: object, message: str) -> None:
    error = refusal(http, "completions", {**TEXT, field: value})
    assert error["message"] == message
    assert error["param"] == field


def test_two_lengths_that_differ(http: httpx.Client) -> None:
    error = refusal(http, "chat/completions", {**CHAT, "max_tokens": 5, "max_completion_tokens": 6})
    assert (
        error["message"]
        == "`max_tokens` and `max_completion_tokens` are two names of one limit and differ; send one."
    )


def test_a_lone_surrogate_is_refused_and_can_be_quoted(http: httpx.Client) -> None:
    for body in (
        b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "\\ud800", "messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "m", "\\ud800": 1, "messages": [{"role": "user", "content": "x"}]}',
    ):
        answer = http.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400


def test_not_a_number_is_no_temperature(http: httpx.Client) -> None:
    body = b'{"model": "m", "prompt": "x", "temperature": NaN}'
    answer = http.post("/v1/completions", content=body, headers={"content-type": "application/json"})
    assert answer.json()["error"]["message"] == "`temperature`: Input should be a finite number."


def test_a_users_label_is_no_option() -> None:
    assert CompletionRequest.model_validate({**TEXT, "user": "u-17"}).user == "u-17"
