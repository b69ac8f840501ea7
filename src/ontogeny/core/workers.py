"""Tasks over worker processes: results as they come, a worker that dies told in words, Ctrl-C obeyed.

A task is a function of one picklable argument that keeps its own results on disk, so that losing a worker loses little.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from ontogeny.core.errors import DataError

Task = TypeVar("Task")
Result = TypeVar("Result")

POLL_S = 0.5


def usable_cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    workers: int,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, Result]]:
    """`(position, result)` of every task, as they end; in this process where `workers` is 1 or there is one task.

    `waiting` is called about twice a second while workers are at work.

    Raises:
        DataError: a worker died.
    """
    if workers == 1 or len(tasks) <= 1:
        for position, task in enumerate(tasks):
            yield position, function(task)
        return
    # Not forked: a fork copies the state of threads that it does not have, and locks may be held for ever.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context) as pool:
        running: dict[Future[Result], int] = {pool.submit(function, task): i for i, task in enumerate(tasks)}
        try:
            while running:
                done, _ = wait(running, timeout=POLL_S, return_when=FIRST_COMPLETED)
                waiting()
                for future in done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool as error:
            raise DataError(
                "a worker process died: it was killed, or memory ran out",
                hint="give fewer `--workers`, or more memory; what was finished is kept",
            ) from error
        finally:
            for future in running:
                future.cancel()
