"""The app: OpenAI's routes, the health checks and the page, over one model.

A request passes the guards (`guard`), is checked (`schema`), becomes token ids, waits in line (`worker`) and leaves as
an answer or a stream of events (`stream`). Embeddings, several models and batching are not here.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response, StreamingResponse

from ontogeny.core.errors import OntogenyError
from ontogeny.inference.sampling import SamplingOptions
from ontogeny.serve import classify as classify_route
from ontogeny.serve import page, refusal
from ontogeny.serve.answers import ChatForm, Form, ModelCard, ModelList, TextForm
from ontogeny.serve.auth import ApiKeys
from ontogeny.serve.backend import Backend
from ontogeny.serve.classify import Classify
from ontogeny.serve.guard import BodyLimit, HostGuard, Identity, KeyGuard
from ontogeny.serve.metrics import ServingMetrics
from ontogeny.serve.refusal import Refusal
from ontogeny.serve.schema import ChatRequest, CompletionRequest
from ontogeny.serve.stream import events, whole
from ontogeny.serve.worker import Worker

MAX_WAITING = 16
"""Requests that may wait in line: more than one page of people, few enough that the last is served within minutes."""

DEFAULT_SAMPLING = SamplingOptions(temperature=0.7, top_p=0.95)
"""What `ontogeny chat` takes too; OpenAI's default of 1.0 suits models a thousand times larger than ours."""

MAX_BODY_BYTES = 4 << 20
"""Far above the longest context in UTF-8, far below what would hurt."""


@dataclass(frozen=True)
class Served:
    """The model behind the app and what it is called."""

    backend: Backend
    worker: Worker
    name: str
    other_names: frozenset[str]
    fingerprint: str
    defaults: SamplingOptions
    started: int

    def card(self) -> ModelCard:
        """The model as `GET /v1/models` lists it."""
        return ModelCard(id=self.name, created=self.started)

    def require(self, model: str) -> None:
        """Refuse the name of another model."""
        if model != self.name and model not in self.other_names:
            raise Refusal(
                404,
                f"There is no model {model!r} here; this server has {self.name!r}.",
                param="model",
                code="model_not_found",
            )


def create_app(
    backend: Backend,
    *,
    name: str,
    fingerprint: str,
    other_names: Iterable[str] = (),
    keys: ApiKeys | None = None,
    defaults: SamplingOptions = DEFAULT_SAMPLING,
    max_waiting: int = MAX_WAITING,
    max_body_bytes: int = MAX_BODY_BYTES,
    classify: Classify | None = None,
) -> FastAPI:
    """The HTTP app over one model.

    Args:
        backend: the model; used by one thread at a time.
        name: what clients call it, `recipe/step@n`.
        fingerprint: the artifact's content digest, sent with every answer.
        other_names: also accepted as `model` in a request, such as the alias it was started with.
        keys: who may use it; without keys only requests meant for this machine are answered.
        defaults: sampling where a request says nothing; the length is the request's own matter.
        max_waiting: how many requests may wait behind the one being answered.
        max_body_bytes: largest accepted request body.
        classify: tells the labels of texts, where the model is a classifier.
    """
    metrics = ServingMetrics()
    worker = Worker(backend, max_waiting=max_waiting, metrics=metrics)
    served = Served(
        backend=backend,
        worker=worker,
        name=name,
        other_names=frozenset(other_names),
        fingerprint=fingerprint,
        defaults=defaults,
        started=int(time.time()),
    )

    guards = [
        Middleware(Identity, name=name, fingerprint=fingerprint, metrics=metrics),
        Middleware(KeyGuard, keys=keys) if keys else Middleware(HostGuard),
        Middleware(BodyLimit, max_bytes=max_body_bytes),
    ]
    app = _empty_app(worker, guards)
    _add_openai_routes(app, served)
    classify_route.add_route(app, classify, name=name, require=served.require)
    _add_health_routes(app, served, metrics)
    page.add_route(
        app,
        name=name,
        fingerprint=fingerprint,
        context_tokens=backend.context_tokens,
        needs_key=keys is not None,
    )
    return app


def _empty_app(worker: Worker, guards: Sequence[Middleware]) -> FastAPI:
    """An app without routes, in which errors have OpenAI's form."""
    # FastAPI's own documentation pages load scripts from elsewhere, so they stay off
    app = FastAPI(
        title="Ontogeny",
        lifespan=_working(worker),
        middleware=guards,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    refusal.install(app)
    return app


def _working(worker: Worker) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """The app's life: the model's thread runs from its start to its end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        worker.start()
        yield
        await run_in_threadpool(worker.close)

    return lifespan


def _add_openai_routes(app: FastAPI, served: Served) -> None:
    @app.post("/v1/chat/completions", response_model=None)
    async def chat(body: ChatRequest, request: Request) -> Response:
        served.require(body.model)
        prompt_ids = await _conversation_ids(served.backend, body)
        limit = body.max_completion_tokens or body.max_tokens
        options = _options(served, body, prompt_tokens=len(prompt_ids), limit=limit, param="messages")
        form = ChatForm(model=served.name, fingerprint=served.fingerprint)
        return await _answer(served, body, request, prompt_ids=prompt_ids, options=options, form=form)

    @app.post("/v1/completions", response_model=None)
    async def complete(body: CompletionRequest, request: Request) -> Response:
        served.require(body.model)
        if isinstance(body.prompt, str):
            prompt_ids = await run_in_threadpool(served.backend.encode, body.prompt)
        else:
            prompt_ids = _known_ids(body.prompt, vocab_size=served.backend.vocab_size)
        options = _options(served, body, prompt_tokens=len(prompt_ids), limit=body.max_tokens, param="prompt")
        form = TextForm(model=served.name, fingerprint=served.fingerprint)
        return await _answer(served, body, request, prompt_ids=prompt_ids, options=options, form=form)

    @app.get("/v1/models")
    async def models() -> ModelList:
        return ModelList(data=[served.card()])

    @app.get("/v1/models/{model:path}")
    async def model(model: str) -> ModelCard:
        served.require(model)
        return served.card()


def _add_health_routes(app: FastAPI, served: Served, metrics: ServingMetrics) -> None:
    @app.get("/livez")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", response_model=None)
    async def ready() -> Response:
        if served.worker.ready:
            return JSONResponse({"status": "ready", "model": served.name})
        raise Refusal(503, "The server does not take requests: its model is not running.", code="not_ready")

    @app.get("/metrics", response_model=None)
    async def measured() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _conversation_ids(backend: Backend, body: ChatRequest) -> list[int]:
    messages = [message.plain() for message in body.messages]
    try:
        return await run_in_threadpool(backend.encode_chat, messages)
    except OntogenyError as error:  # no template, or a template that wants the turns in another order
        advice = f" ({error.hint})" if error.hint else ""
        raise Refusal(400, f"{error.message}{advice}", param="messages", code="chat_template") from error


async def _answer(
    served: Served,
    body: ChatRequest | CompletionRequest,
    request: Request,
    *,
    prompt_ids: Sequence[int],
    options: SamplingOptions,
    form: Form,
) -> Response:
    """Wait in line, then the whole answer or a stream of it."""
    job = served.worker.submit(prompt_ids, options)
    if body.stream:
        include_usage = body.stream_options is not None and body.stream_options.include_usage
        stream = events(job, form=form, include_usage=include_usage)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)
    answer: BaseModel = await whole(job, form=form, receive=request.receive)
    return Response(answer.model_dump_json(), media_type="application/json")


def _options(
    served: Served,
    body: ChatRequest | CompletionRequest,
    *,
    prompt_tokens: int,
    limit: int | None,
    param: str,
) -> SamplingOptions:
    """The sampling options of a request; its length is what it asks for, or what the context has room for.

    Raises:
        Refusal: 400 `context_length_exceeded`, prompt and answer do not fit the context together.
    """
    context = served.backend.context_tokens
    room = context - prompt_tokens
    if room < 1 or (limit or 0) > room:
        asked = f"{limit} tokens of answer were asked for" if limit else "it leaves no room for an answer"
        raise Refusal(
            400,
            f"The prompt has {prompt_tokens} tokens and {asked}; this model's context holds {context} for both. "
            "Shorten the prompt or ask for fewer tokens.",
            param=param,
            code="context_length_exceeded",
        )
    defaults = served.defaults
    return SamplingOptions(
        max_new_tokens=limit or room,
        temperature=defaults.temperature if body.temperature is None else body.temperature,
        top_p=defaults.top_p if body.top_p is None else body.top_p,
        top_k=defaults.top_k if body.top_k is None else body.top_k,
        seed=secrets.randbits(63) if body.seed is None else body.seed,
        stop=tuple(body.stop),
    )


def _known_ids(token_ids: list[int], *, vocab_size: int) -> list[int]:
    """Token ids that a client sent, checked."""
    for token in token_ids:
        if not 0 <= token < vocab_size:
            message = f"Token {token} is not in the vocabulary, which runs from 0 to {vocab_size - 1}."
            raise Refusal(400, message, param="prompt", code="invalid_value")
    if not token_ids:
        raise Refusal(400, "The list of token ids is empty.", param="prompt", code="invalid_value")
    return token_ids
