"""The official `openai` client, unchanged, against a real server."""

from __future__ import annotations

import threading

import openai
import pytest

from tests.serve.conftest import FINGERPRINT, NAME, ScriptedBackend

ANSWER = "Reads a file, line by line."
ASK = [{"role": "user", "content": "open?"}]


def test_chat(client: openai.OpenAI, backend: ScriptedBackend) -> None:
    answer = client.chat.completions.create(model=NAME, messages=ASK)
    assert answer.object == "chat.completion" and answer.model == NAME and answer.id.startswith("chatcmpl-")
    assert answer.system_fingerprint == FINGERPRINT
    assert answer.choices[0].message.role == "assistant" and answer.choices[0].message.content == ANSWER
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        11,
        6,
        17,
    )
    assert backend.prompts == [list(b"<user>open?")]


def test_chat_streamed(client: openai.OpenAI) -> None:
    pieces = list(client.chat.completions.create(model=NAME, messages=ASK, stream=True))
    assert pieces[0].choices[0].delta.role == "assistant"
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == ANSWER
    assert [piece.choices[0].finish_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert pieces[-1].choices[0].finish_reason == "stop"
    assert len({piece.id for piece in pieces}) == 1 and all(piece.usage is None for piece in pieces)


def test_chat_stream_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model=NAME, messages=ASK) as stream:
        assert stream.get_final_completion().choices[0].message.content == ANSWER


def test_usage_of_a_stream(client: openai.OpenAI) -> None:
    asked = {"model": NAME, "stream": True, "stream_options": {"include_usage": True}}
    for pieces in (
        list(client.chat.completions.create(messages=ASK, **asked)),
        list(client.completions.create(prompt="<user>open?", **asked)),
    ):
        assert pieces[-1].choices == [] and pieces[-1].usage.total_tokens == 17
        assert all(piece.usage is None for piece in pieces[:-1])


def test_completion(client: openai.OpenAI, backend: ScriptedBackend) -> None:
    answer = client.completions.create(model=NAME, prompt="with open(", max_tokens=3)
    assert answer.object == "text_completion" and answer.choices[0].text == "Reads a file,"
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 3
    client.completions.create(model=NAME, prompt=list(b"ids"))
    client.completions.create(model=NAME, prompt=["a list of one"])
    client.completions.create(model=NAME, prompt=[list(b"one list")])
    client.completions.create(model=NAME, prompt="")
    assert backend.prompts[1:] == [list(b"ids"), list(b"a list of one"), list(b"one list"), [0]]
    assert [options.max_new_tokens for options in backend.options] == [3, 16, 16, 16, 16]


def test_completion_streamed(client: openai.OpenAI) -> None:
    pieces = list(client.completions.create(model=NAME, prompt="x", stream=True))
    assert "".join(piece.choices[0].text for piece in pieces) == ANSWER
    assert pieces[-1].choices[0].finish_reason == "stop"


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [NAME]
    assert client.models.retrieve(NAME).id == NAME
    with pytest.raises(
        openai.NotFoundError, match="There is no model 'gpt-4o' here; this server has 'python-tutor/tutor@1'"
    ):
        client.models.retrieve("gpt-4o")


def test_sampling_options_reach_the_model(client: openai.OpenAI, backend: ScriptedBackend) -> None:
    client.chat.completions.create(
        model="production",
        messages=ASK,
        max_completion_tokens=7,
        temperature=0.25,
        top_p=0.5,
        seed=11,
        stop=["\n", "."],
        extra_body={"top_k": 3},
    )
    options = backend.options[0]
    assert (options.max_new_tokens, options.temperature, options.top_p, options.top_k) == (7, 0.25, 0.5, 3)
    assert options.seed == 11 and tuple(options.stop) == ("\n", ".")


def test_what_a_request_leaves_out(client: openai.OpenAI, backend: ScriptedBackend) -> None:
    client.chat.completions.create(model=NAME, messages=ASK)
    client.chat.completions.create(model=NAME, messages=ASK, temperature=None, stop=None)
    first, second = backend.options
    assert first.max_new_tokens == backend.context_tokens - 11, (
        "an answer may be as long as the context has room"
    )
    assert first.seed != second.seed, "each request is a new draw"
    assert (first.temperature, first.top_p, first.top_k) == (second.temperature, second.top_p, second.top_k)


def test_parts_and_roles(client: openai.OpenAI, backend: ScriptedBackend) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    spoken = [{"role": "developer", "content": "s"}, {"role": "user", "content": parts}]
    answer = client.chat.completions.create(model=NAME, messages=spoken).choices[0].message
    client.chat.completions.create(model=NAME, messages=[*spoken, answer, {"role": "user", "content": "c"}])
    assert bytes(backend.prompts[0]) == b"<system>s<user>ab"
    assert bytes(backend.prompts[1]).decode() == f"<system>s<user>ab<assistant>{ANSWER}<user>c"


def test_headers_of_every_answer(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model=NAME, messages=ASK)
    assert raw.headers["x-ontogeny-model"] == NAME and raw.headers["x-ontogeny-fingerprint"] == FINGERPRINT
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="other", messages=ASK)
    assert refused.value.response.headers["x-ontogeny-model"] == NAME


def test_refusals_are_the_clients_exceptions(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="other", messages=ASK)
    assert (unknown.value.code, unknown.value.param, unknown.value.type) == (
        "model_not_found",
        "model",
        "invalid_request_error",
    )
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(model=NAME, messages=[{"role": "user", "content": "x" * 300}])
    assert (
        long.value.code == "context_length_exceeded"
        and "has 306 tokens and it leaves no room for an answer; this model's context holds 200 for both"
        in str(long.value)
    )
    with pytest.raises(openai.BadRequestError, match="has 11 tokens and 190 tokens of answer were asked for"):
        client.chat.completions.create(model=NAME, messages=ASK, max_tokens=190)
    with pytest.raises(openai.BadRequestError, match="`n` must be 1"):
        client.chat.completions.create(model=NAME, messages=ASK, n=2)


def test_a_failing_model(client: openai.OpenAI, backend: ScriptedBackend) -> None:
    backend.failure = ValueError("secret details")
    with pytest.raises(openai.InternalServerError, match="The server failed on this request") as failed:
        client.chat.completions.create(model=NAME, messages=ASK)
    assert "secret" not in str(failed.value)
    with pytest.raises(openai.APIError, match="The server failed on this request"):
        list(client.chat.completions.create(model=NAME, messages=ASK, stream=True))
    backend.failure = None
    assert client.chat.completions.create(model=NAME, messages=ASK).choices[0].message.content == ANSWER


def test_concurrent_requests_are_all_answered(client: openai.OpenAI) -> None:
    answers: list[str | None] = []

    def ask() -> None:
        answers.append(client.chat.completions.create(model=NAME, messages=ASK).choices[0].message.content)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [ANSWER] * 8
