"""A process for work that may hang, crash or eat memory: killed at its limits, and started anew.

One worker a process that reads, asked one thing at a time; the processes that read are the parallelism. It is told to
stop by the end of its input, so none outlives whoever started it, and it limits its own processor time, so that one
that hangs when its parent is killed ends too. Processor time, not time on the clock, is what counts against a page: a
busy machine must not change a corpus.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import IO, Any, cast

from ontogeny.core.errors import DataError
from ontogeny.data.extract.extracted import NotExtractedError

RESTART_AFTER = 5_000
"""Tasks after which a worker is replaced: what its libraries keep in their caches goes with it."""

CLOCK_FACTOR, CLOCK_GRACE_SECONDS = 10, 30
"""Time on the clock allowed beyond processor time: on a machine that is busy, and while a worker starts."""

TIMEOUT, FAILED = "extraction_timeout", "extraction_failed"
HEADER_BYTES = 4


@dataclass(frozen=True)
class Limits:
    """What one task may take: processor seconds and address space."""

    seconds: float = 10.0
    memory_bytes: int = 2 << 30


class _WorkerLostError(Exception):
    """The process ended, or did not answer in time."""


class Worker:
    """Runs the tasks of `ontogeny.data.extract.worker` in a process of its own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._done = 0

    def call(self, task: str, payload: bytes) -> Any:
        """What `task` makes of `payload`.

        Raises:
            NotExtractedError: the task said so, took more than its limits, or ended its process.
            DataError: workers cannot be started at all.
        """
        if self._done >= RESTART_AFTER:
            self.close()
        process = self._process or self._start()
        deadline = time.monotonic() + CLOCK_FACTOR * self._limits.seconds + CLOCK_GRACE_SECONDS
        try:
            _send(process, task.encode() + b"\n" + payload, deadline)
            reply = json.loads(_receive(process, deadline))
        except _WorkerLostError as lost:
            raise self._verdict(str(lost)) from None
        self._done += 1
        if "reason" in reply:
            raise NotExtractedError(reply["reason"], reply["detail"])
        return reply["result"]

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is None:
            return
        process, self._process, self._done = self._process, None, 0
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        limits = [str(self._limits.seconds), str(self._limits.memory_bytes)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ontogeny.data.extract.worker", *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        os.set_blocking(_fd(self._process.stdin), False)
        try:
            _receive(self._process, time.monotonic() + CLOCK_GRACE_SECONDS)
        except _WorkerLostError as lost:
            self.close()
            raise DataError(
                f"a worker process cannot be started: {lost}",
                hint="write `extract: fast`, or see that `python -m ontogeny.data.extract.worker 10 2147483648` runs",
            ) from None
        return self._process

    def _verdict(self, lost: str) -> NotExtractedError:
        """Why the process was lost; ends it."""
        process = cast(subprocess.Popen[bytes], self._process)
        try:
            code = process.wait(timeout=1) if lost == "it ended" else None
        except subprocess.TimeoutExpired:
            code = None
        self.close()
        if code is None or code == -signal.SIGXCPU:
            return NotExtractedError(TIMEOUT, f"more than {self._limits.seconds:g} seconds for one page")
        return NotExtractedError(FAILED, f"the extractor's process ended with {code}")


@functools.cache
def _worker_of(process_id: int, limits: Limits) -> Worker:
    worker = Worker(limits)
    atexit.register(worker.close)
    return worker


def shared_worker(limits: Limits) -> Worker:
    """The worker of this process with `limits`: starting one takes a second, too much for each small file."""
    return _worker_of(os.getpid(), limits)  # by process: a fork must not talk into its parent's pipe


def _fd(stream: IO[bytes] | None) -> int:
    return cast(IO[bytes], stream).fileno()


def _send(process: subprocess.Popen[bytes], message: bytes, deadline: float) -> None:
    data = memoryview(len(message).to_bytes(HEADER_BYTES, "big") + message)
    descriptor = _fd(process.stdin)
    while data:
        _wait(descriptor, select.POLLOUT, deadline)
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            continue
        except OSError:
            raise _WorkerLostError("it ended") from None


def _receive(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    size = int.from_bytes(_read(process, HEADER_BYTES, deadline), "big")
    return _read(process, size, deadline)


def _read(process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
    descriptor, parts = _fd(process.stdout), bytearray()
    while len(parts) < size:
        _wait(descriptor, select.POLLIN, deadline)
        piece = os.read(descriptor, min(size - len(parts), 1 << 20))
        if not piece:
            raise _WorkerLostError("it ended")
        parts += piece
    return bytes(parts)


def _wait(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise _WorkerLostError("it did not answer in time")
