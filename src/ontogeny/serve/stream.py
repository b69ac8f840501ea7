"""From a job in the waiting line to the answer a client reads: whole, or as server-sent events.

A client that goes away must not keep the model busy. A stream ends when the server cancels its generator; a whole
answer has nothing to send in the meantime, so a watcher listens for the client's leaving beside it.

A failure after the first piece cannot change the status any more: it is sent as an `error` event, which OpenAI's
clients raise as an exception.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import cast

from pydantic import BaseModel
from starlette.types import Receive

from ontogeny.serve.answers import FinishReason, Form, Usage
from ontogeny.serve.refusal import Refusal
from ontogeny.serve.worker import Job

DONE = b"data: [DONE]\n\n"


async def whole(job: Job, *, form: Form, receive: Receive) -> BaseModel:
    """The complete answer, once the model is done.

    Raises:
        Refusal: the model failed, the server is shutting down, or the client left (499, which nobody reads).
    """
    watcher = asyncio.create_task(_cancel_when_the_client_leaves(job, receive))
    try:
        text = "".join([chunk.text async for chunk in job.chunks()])
    finally:
        watcher.cancel()
    if job.finish_reason is None:
        raise Refusal(499, "The client closed the request.", code="client_closed_request")
    return form.whole(text, finish_reason=_reason(job), usage=_usage(job))


async def events(job: Job, *, form: Form, include_usage: bool) -> AsyncIterator[bytes]:
    """The answer as server-sent events, `[DONE]` last; closing the iterator stops the model."""
    chunks = job.chunks()
    try:
        for piece in form.pieces_before():
            yield _event(piece, include_usage=include_usage)
        async for chunk in chunks:
            if chunk.text:
                yield _event(form.piece(chunk.text), include_usage=include_usage)
        if job.finish_reason is None:
            return
        yield _event(form.end(_reason(job)), include_usage=include_usage)
        if include_usage:
            yield _event(form.without_choices(), include_usage=True, usage=_usage(job))
        yield DONE
    except Refusal as refusal:
        yield f"data: {json.dumps(refusal.body())}\n\n".encode()
    finally:
        job.cancel()


def _event(piece: BaseModel, *, include_usage: bool, usage: Usage | None = None) -> bytes:
    content = piece.model_dump(exclude_none=True)
    for choice in content["choices"]:
        # always present in OpenAI's pieces, null until the end; `exclude_none` is for the fields of `delta`
        choice.setdefault("logprobs", None)
        choice.setdefault("finish_reason", None)
    if include_usage:
        content["usage"] = usage.model_dump() if usage else None
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


def _reason(job: Job) -> FinishReason:
    return cast(FinishReason, job.finish_reason)


def _usage(job: Job) -> Usage:
    return Usage.of(len(job.prompt_ids), job.completion_tokens)


async def _cancel_when_the_client_leaves(job: Job, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    job.cancel()
