"""The waiting line: one answer at a time, a bound, cancelling, and ending."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine

import pytest

from ontogeny.inference.sampling import SamplingOptions
from ontogeny.serve.metrics import ServingMetrics
from ontogeny.serve.refusal import Refusal
from ontogeny.serve.worker import Job, Worker
from tests.serve.conftest import ScriptedBackend

OPTIONS = SamplingOptions(max_new_tokens=100)


@pytest.fixture
def gated(backend: ScriptedBackend) -> ScriptedBackend:
    """A backend that needs a permit for each token."""
    backend.allowed = threading.Semaphore(0)
    return backend


def permit(backend: ScriptedBackend, tokens: int) -> None:
    assert backend.allowed is not None
    backend.allowed.release(tokens)


async def read(job: Job) -> str:
    return "".join([chunk.text async for chunk in job.chunks()])


async def begun(backend: ScriptedBackend) -> None:
    assert await asyncio.to_thread(backend.begun.acquire, timeout=10)


def run(test: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(test, timeout=30))


def worker_over(backend: ScriptedBackend, *, max_waiting: int = 4) -> Worker:
    worker = Worker(backend, max_waiting=max_waiting, metrics=ServingMetrics())
    worker.start()
    return worker


def test_answers_in_the_order_of_arrival(backend: ScriptedBackend) -> None:
    async def scenario() -> None:
        worker = worker_over(backend)
        jobs = [worker.submit([number], OPTIONS) for number in range(5)]
        assert await asyncio.gather(*map(read, jobs)) == ["Reads a file, line by line."] * 5
        assert backend.prompts == [[number] for number in range(5)]
        assert {(job.completion_tokens, job.finish_reason) for job in jobs} == {(6, "stop")}
        worker.close()

    run(scenario())


def test_a_full_line_refuses(gated: ScriptedBackend) -> None:
    async def scenario() -> None:
        worker = worker_over(gated, max_waiting=2)
        running = worker.submit([1], OPTIONS)
        await begun(gated)
        waiting = [worker.submit([2], OPTIONS), worker.submit([3], OPTIONS)]
        with pytest.raises(Refusal, match="The model is busy and 2 requests wait already") as full:
            worker.submit([4], OPTIONS)
        assert (full.value.status, full.value.code) == (503, "queue_full")
        assert int(full.value.headers["retry-after"]) > 0
        permit(gated, 100)
        await asyncio.gather(*map(read, [running, *waiting]))
        worker.close()

    run(scenario())


def test_one_that_leaves_the_line_frees_its_place_and_harms_nobody(gated: ScriptedBackend) -> None:
    async def scenario() -> None:
        worker = worker_over(gated, max_waiting=1)
        running = worker.submit([1], OPTIONS)
        await begun(gated)
        leaving = worker.submit([2], OPTIONS)
        leaving.cancel()
        assert await read(leaving) == ""
        assert leaving.finish_reason is None
        staying = worker.submit([3], OPTIONS)
        permit(gated, 100)
        assert await asyncio.gather(read(running), read(staying)) == ["Reads a file, line by line."] * 2
        assert gated.prompts == [[1], [3]]
        worker.close()

    run(scenario())


def test_one_that_is_cancelled_while_running_ends_at_its_next_token(gated: ScriptedBackend) -> None:
    async def scenario() -> None:
        worker = worker_over(gated)
        job = worker.submit([1], OPTIONS)
        permit(gated, 1)
        chunks = job.chunks()
        assert (await anext(chunks)).text == "Reads"
        await chunks.aclose()
        permit(gated, 1)
        assert await asyncio.to_thread(gated.ended.acquire, timeout=10)
        permit(gated, 100)
        assert await read(worker.submit([2], OPTIONS)) == "Reads a file, line by line."
        worker.close()

    run(scenario())


def test_a_failure_is_one_requests_own(backend: ScriptedBackend) -> None:
    async def scenario() -> None:
        worker = worker_over(backend)
        backend.failure = ValueError("secret")
        with pytest.raises(Refusal, match="The server failed on this request; its log says why") as failed:
            await read(worker.submit([1], OPTIONS))
        assert failed.value.status == 500
        backend.failure = None
        assert await read(worker.submit([2], OPTIONS))
        worker.close()

    run(scenario())


def test_closing_refuses_what_waits_and_what_comes(gated: ScriptedBackend) -> None:
    async def scenario() -> None:
        worker = worker_over(gated)
        running, waiting = worker.submit([1], OPTIONS), worker.submit([2], OPTIONS)
        await begun(gated)
        closing = asyncio.create_task(asyncio.to_thread(worker.close))
        with pytest.raises(Refusal, match="The server is shutting down"):
            await read(waiting)
        permit(gated, 1)
        await closing
        assert not worker.ready
        for refused in (lambda: read(running), lambda: read(worker.submit([3], OPTIONS))):
            with pytest.raises(Refusal, match="The server is shutting down"):
                await refused()

    run(scenario())


def test_before_it_starts_nothing_is_taken(backend: ScriptedBackend) -> None:
    async def scenario() -> None:
        worker = Worker(backend, max_waiting=1, metrics=ServingMetrics())
        assert not worker.ready
        with pytest.raises(Refusal):
            worker.submit([1], OPTIONS)

    run(scenario())
