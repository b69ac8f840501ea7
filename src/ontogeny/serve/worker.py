"""One answer at a time: a bounded waiting line in front of the model, and the one thread that works it off.

The model is busy with one request at a time (two at once on the same cores would both be slower), and computing in
the event loop would stop every other request, the health checks included. So requests wait in line, the thread at
its head produces pieces of text, and each piece travels to the event loop of the request that asked for it.

A request that is cancelled while waiting leaves the line at once; one that is being answered ends at its next token.
Batching several requests into one forward pass is not done here.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence

from ontogeny.inference.engine import Chunk
from ontogeny.inference.sampling import SamplingOptions
from ontogeny.serve.backend import Backend
from ontogeny.serve.metrics import ServingMetrics
from ontogeny.serve.refusal import Refusal, internal_error

LOG = logging.getLogger("ontogeny.serve")

RETRY_AFTER_SECONDS = 5
"""What a client is told when the line is full: about one short answer of a small model on two cores."""


class Job:
    """One request on its way through the line; made by `Worker.submit`, read on the event loop that submitted it."""

    def __init__(self, worker: Worker, prompt_ids: Sequence[int], options: SamplingOptions) -> None:
        self.prompt_ids = prompt_ids
        self.options = options
        self.cancelled = threading.Event()
        self.completion_tokens = 0
        self.finish_reason: str | None = None
        self.submitted = time.monotonic()
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[Chunk | Exception | None] = asyncio.Queue()

    async def chunks(self) -> AsyncIterator[Chunk]:
        """The pieces of the answer as they are made; leaving the loop early cancels the rest.

        Raises:
            Refusal: the model failed, or the server is shutting down.
        """
        try:
            while (piece := await self._pieces.get()) is not None:
                if isinstance(piece, Refusal):
                    raise piece
                if isinstance(piece, Exception):
                    LOG.error("the model failed on a request", exc_info=piece)
                    raise internal_error() from piece
                self.completion_tokens += piece.token_id is not None
                self.finish_reason = piece.finish_reason or self.finish_reason
                yield piece
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Stop answering; does nothing to a job that is done."""
        self._worker.cancel(self)

    def deliver(self, piece: Chunk | Exception | None) -> None:
        """Hand a piece, an error or the end (`None`) to the event loop; called on the worker's thread."""
        try:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
        except RuntimeError:  # the event loop is closed: nobody reads any more
            self.cancelled.set()


class Worker:
    """The waiting line and its thread.

    Args:
        backend: the model.
        max_waiting: how many requests may wait behind the one being answered.
        metrics: what is counted on the way.
    """

    def __init__(self, backend: Backend, *, max_waiting: int, metrics: ServingMetrics) -> None:
        self._backend = backend
        self._max_waiting = max_waiting
        self._metrics = metrics
        self._changed = threading.Condition()
        self._line: deque[Job] = deque()
        self._running: Job | None = None
        self._closing = False
        self._thread: threading.Thread | None = None
        metrics.watch(running=lambda: int(self._running is not None), waiting=lambda: len(self._line))

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._work, name="ontogeny-model", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the token being made; what waits is refused."""
        with self._changed:
            self._closing = True
            if self._running:
                self._running.cancelled.set()
            waiting, self._line = self._line, deque()
            self._changed.notify_all()
        for job in waiting:
            job.deliver(_shutting_down())
        if self._thread:
            self._thread.join()

    @property
    def ready(self) -> bool:
        """Whether a request sent now would be worked on."""
        return self._thread is not None and self._thread.is_alive() and not self._closing

    def submit(self, prompt_ids: Sequence[int], options: SamplingOptions) -> Job:
        """Put a request at the end of the line; call it on the event loop that will read the answer.

        Raises:
            Refusal: 503, the line is full or the server is shutting down.
        """
        job = Job(self, prompt_ids, options)
        with self._changed:
            if not self.ready:
                raise _shutting_down()
            if len(self._line) + (self._running is not None) > self._max_waiting:
                raise _line_full(len(self._line))
            self._line.append(job)
            self._changed.notify_all()
        return job

    def cancel(self, job: Job) -> None:
        """Take `job` out of the line, or stop it at its next token."""
        job.cancelled.set()
        with self._changed:
            if job in self._line:
                self._line.remove(job)
                job.deliver(None)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._metrics.queue_seconds.observe(time.monotonic() - job.submitted)
            try:
                self._answer(job)
            except Exception as error:  # noqa: BLE001  the thread outlives a request; the error is its answer
                job.deliver(error)
            else:
                job.deliver(None)
            with self._changed:
                self._running = None

    def _next(self) -> Job | None:
        """The next request, now running; `None` when the server is shutting down."""
        with self._changed:
            self._changed.wait_for(lambda: self._line or self._closing)
            if self._closing:
                return None
            self._running = self._line.popleft()
            return self._running

    def _answer(self, job: Job) -> None:
        self._metrics.prompt_tokens.inc(len(job.prompt_ids))
        first = True
        for chunk in self._backend.stream(job.prompt_ids, job.options):
            if job.cancelled.is_set():
                self._metrics.finished.labels("cancelled").inc()
                if self._closing:
                    raise _shutting_down()
                return
            if first:
                self._metrics.first_token_seconds.observe(time.monotonic() - job.submitted)
                first = False
            self._metrics.completion_tokens.inc(chunk.token_id is not None)
            job.deliver(chunk)
            if chunk.finish_reason:
                self._metrics.finished.labels(chunk.finish_reason).inc()


def _line_full(waiting: int) -> Refusal:
    return Refusal(
        503,
        f"The model is busy and {waiting} requests wait already; try again in a few seconds.",
        code="queue_full",
        headers={"retry-after": str(RETRY_AFTER_SECONDS)},
    )


def _shutting_down() -> Refusal:
    return Refusal(503, "The server is shutting down.", code="shutting_down")
