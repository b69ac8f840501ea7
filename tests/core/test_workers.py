"""Every task once, wherever it runs; a worker that dies is told in words."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ontogeny.core.errors import DataError, UsageError
from ontogeny.core.workers import Executor, Workers, check_executor, run_tasks, usable_cores


def square(number: int) -> int:
    if number == 13:
        raise DataError("thirteen", where="file.jsonl", hint="take another")
    return number * number


def die(number: int) -> int:
    os._exit(9)


def wait_for_ever(number: int) -> None:
    sys.stdout.write("at work\n")
    sys.stdout.flush()
    threading.Event().wait()


def work_for_ever() -> None:
    list(run_tasks(wait_for_ever, [1, 2], Workers(2)))


@pytest.mark.parametrize("workers", [Workers(1), Workers(2)])
def test_every_task_once_and_errors_as_they_are(workers: Workers) -> None:
    tasks = list(range(12))
    assert dict(run_tasks(square, tasks, workers)) == {task: task * task for task in tasks}
    with pytest.raises(DataError, match="thirteen") as error:
        list(run_tasks(square, [1, 13], workers))
    assert (error.value.where, error.value.hint) == ("file.jsonl", "take another")


def test_a_dead_worker_is_told_in_words() -> None:
    with pytest.raises(DataError, match="a worker process died") as error:
        list(run_tasks(die, [1, 2], Workers(2)))
    assert "--workers" in str(error.value)


def test_workers_end_with_a_process_that_is_killed() -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); import test_workers; test_workers.work_for_ever()"
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        told = [parent.stdout.readline(), parent.stdout.readline()]
        parent.kill()
        assert parent.stdout.read() == ""  # ends when the last process that holds it has ended
    assert told == ["at work\n", "at work\n"]


def test_ray_runs_the_same_tasks_on_two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="the extra ontogeny[ray] is not installed")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    on_ray = Workers(2, "ray")
    try:
        tasks = list(range(6))
        assert dict(run_tasks(square, tasks, on_ray)) == {task: task * task for task in tasks}
        with pytest.raises(DataError, match="thirteen"):
            list(run_tasks(square, [1, 13], on_ray))
        with pytest.raises(DataError, match="a worker process died"):
            list(run_tasks(die, [1], on_ray))
    finally:
        ray.shutdown()


def test_ray_that_is_not_there_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    executor: Executor = "ray"
    with pytest.raises(UsageError, match="Ray is not installed") as error:
        list(run_tasks(square, [1], Workers(2, executor)))
    assert "ontogeny[ray]" in str(error.value)
    with pytest.raises(UsageError, match="Ray is not installed"):
        check_executor(executor)
    check_executor("local")


def test_there_is_a_core() -> None:
    assert usable_cores() >= 1
