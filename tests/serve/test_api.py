"""Health, metrics, readiness, and what happens to an answer whose reader leaves."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.serve.conftest import NAME, ScriptedBackend

BODY = {"model": NAME, "messages": [{"role": "user", "content": "open?"}]}


@pytest.fixture
def own(url: str) -> Iterator[httpx.Client]:
    """Plain HTTP to a server of the test's own."""
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        yield client


def test_health(own: httpx.Client) -> None:
    assert own.get("/livez").json() == {"status": "alive"}
    assert own.get("/readyz").json() == {"status": "ready", "model": NAME}


def test_not_ready_without_a_model_thread(backend: ScriptedBackend) -> None:
    from fastapi.testclient import TestClient

    from ontogeny.serve.api import create_app

    # not entered as a context, so the app's lifespan never starts
    outside = TestClient(create_app(backend, name=NAME, fingerprint="f"), base_url="http://127.0.0.1")
    assert outside.get("/livez").status_code == 200
    answer = outside.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["error"]["message"] == "The server does not take requests: its model is not running."


def test_metrics(own: httpx.Client) -> None:
    own.post("/v1/chat/completions", json=BODY)
    own.get("/no/such/path")
    lines = own.get("/metrics").text.splitlines()
    for line in (
        'ontogeny_requests_total{path="/v1/chat/completions",status="200"} 1.0',
        'ontogeny_requests_total{path="other",status="404"} 1.0',
        'ontogeny_request_success_total{finished_reason="stop"} 1.0',
        "ontogeny_prompt_tokens_total 11.0",
        "ontogeny_generation_tokens_total 6.0",
        "ontogeny_time_to_first_token_seconds_count 1.0",
        "ontogeny_request_queue_time_seconds_count 1.0",
        "ontogeny_num_requests_running 0.0",
        "ontogeny_num_requests_waiting 0.0",
    ):
        assert line in lines


def test_the_server_answers_while_the_model_works(own: httpx.Client, backend: ScriptedBackend) -> None:
    backend.allowed = threading.Semaphore(1)
    with own.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as answer:
        assert "text/event-stream" in answer.headers["content-type"]
        lines = (line for line in answer.iter_lines() if line)
        assert json.loads(next(lines)[6:])["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert json.loads(next(lines)[6:])["choices"][0]["delta"] == {"content": "Reads"}
        with httpx.Client(base_url=own.base_url, trust_env=False) as beside:
            assert beside.get("/livez").status_code == 200
            assert "ontogeny_num_requests_running 1.0" in beside.get("/metrics").text
        backend.allowed.release(100)
        assert list(lines)[-1] == "data: [DONE]"


def test_a_reader_of_a_stream_who_leaves_stops_the_model(own: httpx.Client, backend: ScriptedBackend) -> None:
    endless(backend)
    with own.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as answer:
        next(answer.iter_lines())
    stops_before_the_end(backend)


def test_one_who_waits_for_the_whole_answer_and_leaves_stops_the_model(
    own: httpx.Client, backend: ScriptedBackend
) -> None:
    endless(backend)
    with pytest.raises(httpx.ReadTimeout):
        own.post("/v1/chat/completions", json=BODY, timeout=0.2)
    stops_before_the_end(backend)


def endless(backend: ScriptedBackend) -> None:
    """An answer that would take far longer than any test, given one token at a time."""
    backend.context_tokens = 1_000_000
    backend.words = ["on"] * backend.context_tokens
    backend.allowed = threading.Semaphore(1)


def stops_before_the_end(backend: ScriptedBackend) -> None:
    """One permit at a time until the model stops, which must be long before its last word."""
    assert backend.allowed is not None
    permits = 0
    while not backend.ended.acquire(timeout=0.01):
        backend.allowed.release()
        permits += 1
    assert permits < len(backend.words)
