"""Worker processes: what takes too long, too much, or crashes costs one page, and the next one is read."""

from __future__ import annotations

import os
import signal

import pytest

from ontogeny.core.errors import DataError
from ontogeny.data.extract import worker, workers
from ontogeny.data.extract.extracted import NotExtractedError
from ontogeny.data.extract.workers import Limits, Worker, shared_worker

PAGE = b"<html><body><article><p>One whole sentence of ordinary text.</p></article></body></html>"
SLOW = b"<html><body>" + b"<p>One whole sentence <b>of</b> ordinary text.</p>" * 60_000


def test_a_page_beyond_its_time_is_given_up_and_the_next_is_read() -> None:
    small = Worker(Limits(seconds=0.5))
    with pytest.raises(NotExtractedError, match=r"more than 0\.5 seconds for one page") as error:
        small.call("quality", SLOW)
    assert error.value.reason == "extraction_timeout"
    small.close()
    patient = Worker(Limits())
    assert patient.call("quality", PAGE) == [["trafilatura", "One whole sentence of ordinary text."]]
    patient.close()


def test_a_worker_that_dies_costs_one_page() -> None:
    mortal = Worker(Limits())
    mortal.call("quality", PAGE)
    process = mortal._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with pytest.raises(NotExtractedError, match="process ended with -9") as error:
        mortal.call("quality", PAGE)
    assert error.value.reason == "extraction_failed"
    assert mortal.call("quality", PAGE)
    mortal.close()
    mortal.close()  # twice is once


def test_workers_are_replaced_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "RESTART_AFTER", 1)
    one = Worker(Limits())
    one.call("quality", PAGE)
    before = one._process
    one.call("quality", PAGE)
    assert one._process is not before
    one.close()


def test_the_worker_of_a_process_is_shared() -> None:
    assert shared_worker(Limits()) is shared_worker(Limits())
    assert shared_worker(Limits()) is not shared_worker(Limits(seconds=3))


def test_a_worker_that_cannot_start_is_an_error_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    with pytest.raises(DataError, match="cannot be started: it ended") as error:
        Worker(Limits()).call("quality", PAGE)
    assert error.value.hint is not None and "extract: fast" in error.value.hint


def test_whatever_a_library_raises_is_the_reason_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(error: Exception) -> object:
        def task(_: bytes) -> object:
            raise error

        return task

    monkeypatch.setattr(worker, "TASKS", {
        "memory": fail(MemoryError()),
        "value": fail(ValueError("no")),
        "own": fail(NotExtractedError("no_text", "none")),
    })  # fmt: skip
    assert worker.answer("memory", b"") == {
        "reason": "extraction_failed",
        "detail": "more memory than allowed",
    }
    assert worker.answer("value", b"") == {"reason": "extraction_failed", "detail": "ValueError: no"}
    assert worker.answer("own", b"") == {"reason": "no_text", "detail": "none"}
