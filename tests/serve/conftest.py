"""A backend that says what it is told to, as fast as it is let, and a real server around it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx
import openai
import pytest
import uvicorn
from fastapi import FastAPI

from ontogeny.inference.engine import Chunk
from ontogeny.inference.sampling import SamplingOptions
from ontogeny.serve.api import create_app
from ontogeny.serve.run import bind, url_of

NAME = "python-tutor/tutor@1"
FINGERPRINT = "blake3:" + "ab" * 32
END = 0


class ScriptedBackend:
    """Answers every prompt with the same words, one a token; token ids of a prompt are its UTF-8 bytes."""

    def __init__(self, answer: str = "Reads a file, line by line.", *, context_tokens: int = 200) -> None:
        self.words = answer.split(" ")
        self.context_tokens = context_tokens
        self.vocab_size = 256
        self.prompts: list[list[int]] = []
        self.options: list[SamplingOptions] = []
        self.allowed: threading.Semaphore | None = None
        """When set, each token waits for a permit."""
        self.begun = threading.Semaphore(0)
        """Released when an answer begins."""
        self.ended = threading.Semaphore(0)
        """Released when an answer is over, however it ended."""
        self.failure: Exception | None = None
        """Raised after the first word."""

    def encode(self, text: str) -> list[int]:
        return list(text.encode()) or [END]

    def encode_chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        return self.encode("".join(f"<{message['role']}>{message['content']}" for message in messages))

    def stream(self, prompt_ids: Sequence[int], options: SamplingOptions) -> Iterator[Chunk]:
        self.prompts.append(list(prompt_ids))
        self.options.append(options)
        self.begun.release()
        try:
            for position, word in enumerate(self.words[: options.max_new_tokens]):
                if self.allowed is not None:
                    self.allowed.acquire()
                if position == 1 and self.failure is not None:
                    raise self.failure
                yield Chunk(
                    text=word if position == 0 else f" {word}", token_id=position + 1, finish_reason=None
                )
            finish_reason = "length" if options.max_new_tokens <= len(self.words) else "stop"
            yield Chunk(text="", token_id=None, finish_reason=finish_reason)
        finally:
            self.ended.release()


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The app on a free port of this machine, in a thread; gives its URL."""
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield url_of(listener)  # a client that is early waits in the kernel's queue
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def app(backend: ScriptedBackend) -> FastAPI:
    return create_app(backend, name=NAME, fingerprint=FINGERPRINT, other_names=["production"])


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    with serving(app) as address:
        yield address


@pytest.fixture(scope="package")
def http() -> Iterator[httpx.Client]:
    """Plain HTTP to a server that many tests share, for answers that do not depend on what went before."""
    app = create_app(ScriptedBackend(), name=NAME, fingerprint=FINGERPRINT, other_names=["production"])
    with serving(app) as url, httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai_client(url) as client:
        yield client


def openai_client(url: str, *, api_key: str = "none") -> openai.OpenAI:
    """The official client as a user makes it, without retries, so that each refusal is seen."""
    plain = httpx.Client(trust_env=False)
    return openai.OpenAI(base_url=f"{url}/v1", api_key=api_key, max_retries=0, timeout=10, http_client=plain)
