"""Tasks over worker processes: results as they come, a worker that dies told in words, Ctrl-C obeyed.

A task is a function of one picklable argument that keeps its own results on disk, so that losing a worker loses little.
With the executor `ray` the same tasks run on a Ray cluster whose machines share the workspace's file system: the one of
`RAY_ADDRESS`, or else one that is started on this machine.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias, TypeVar

from ontogeny.core.errors import DataError, UsageError
from ontogeny.core.memory import give_memory_back
from ontogeny.core.process import keep_arrow_from_pandas

Task = TypeVar("Task")
Result = TypeVar("Result")
Executor: TypeAlias = Literal["local", "ray"]

POLL_S = 0.5


@dataclass(frozen=True)
class Workers:
    """How many processes work, and where."""

    count: int = 1
    executor: Executor = "local"

    @property
    def here(self) -> bool:
        """Whether this process does everything itself."""
        return self.executor == "local" and self.count == 1


ALONE = Workers()
"""This process, and no other."""


def usable_cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_executor(executor: Executor) -> None:
    """Raises UsageError where Ray is wanted and not installed: known before any work is done."""
    if executor == "ray" and find_spec("ray") is None:
        raise _no_ray()


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: Workers,
    *,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, Result]]:
    """`(position, result)` of every task, as they end.

    `waiting` is called about twice a second while workers are at work.

    Raises:
        DataError: a worker died.
        UsageError: Ray is wanted and not installed, or its cluster cannot be reached.
    """
    if workers.executor == "ray":
        yield from _run_on_ray(function, tasks, workers.count, waiting)
    elif workers.here or len(tasks) <= 1:
        for position, task in enumerate(tasks):
            yield position, function(task)
    else:
        yield from _run_in_pool(function, tasks, workers.count, waiting)


def _run_in_pool(
    function: Callable[[Task], Result], tasks: Sequence[Task], count: int, waiting: Callable[[], None]
) -> Iterator[tuple[int, Result]]:
    # Not forked: a fork copies the state of threads that it does not have, and locks may be held for ever.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(count, len(tasks)), mp_context=context, initializer=_begin_worker) as pool:
        running: dict[Future[Result], int] = {pool.submit(function, task): i for i, task in enumerate(tasks)}
        try:
            while running:
                done, _ = wait(running, timeout=POLL_S, return_when=FIRST_COMPLETED)
                waiting()
                for future in done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool as error:
            raise _worker_died() from error
        finally:
            for future in running:
                future.cancel()


def _run_on_ray(
    function: Callable[[Task], Result], tasks: Sequence[Task], count: int, waiting: Callable[[], None]
) -> Iterator[tuple[int, Result]]:
    ray = _connected_ray(count)
    remote = ray.remote(num_cpus=1, max_retries=0)(_call)
    running = {remote.remote(function, task): i for i, task in enumerate(tasks)}
    try:
        while running:
            done, _ = ray.wait(list(running), num_returns=1, timeout=POLL_S)
            waiting()
            for reference in done:
                yield running.pop(reference), ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise _worker_died() from error
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _call(function: Callable[[Any], Any], task: Any) -> Any:
    """What runs on a machine of the cluster: our code is imported there, not sent."""
    _prepare_worker()
    return function(task)


def _begin_worker() -> None:
    _prepare_worker()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed outright tells its workers nothing; they would wait for tasks for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _prepare_worker() -> None:
    keep_arrow_from_pandas()
    give_memory_back()


def _connected_ray(count: int) -> Any:
    try:
        import ray
    except ImportError as error:
        raise _no_ray() from error
    if not ray.is_initialized():
        address = os.environ.get("RAY_ADDRESS")
        where: dict[str, Any] = (
            {"address": address} if address else {"num_cpus": count, "include_dashboard": False}
        )
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"the Ray cluster cannot be reached ({error})",
                where=address,
                hint="start one with `ray start --head`, or unset RAY_ADDRESS to have one started here",
            ) from error
    return ray


def _no_ray() -> UsageError:
    return UsageError(
        "Ray is not installed", hint="pip install 'ontogeny[ray]', or leave `--executor ray` out"
    )


def _worker_died() -> DataError:
    return DataError(
        "a worker process died: it was killed, or memory ran out",
        hint="give fewer `--workers`, or more memory; what was finished is kept",
    )
