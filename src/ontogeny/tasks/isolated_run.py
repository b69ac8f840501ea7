"""Runs programs that a model wrote, each in an isolation of its own, or not at all.

`isolated_launch` says what the isolation is. A program sees the standard library of this Python and an empty folder,
has the same hashes each time, and its end is told in a word. The time that counts is the processor's, which depends
little on what else the machine does; the wall clock only ends what sleeps.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from ontogeny.core.errors import UsageError
from ontogeny.core.workers import usable_cores

Ending: TypeAlias = Literal["passed", "assertion", "syntax", "error", "timeout", "memory", "exit", "crash"]
ENDINGS: tuple[Ending, ...] = get_args(Ending)

LAUNCH = Path(__file__).with_name("isolated_launch.py")
INSIDE = Path(__file__).with_name("isolated_inside.py")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "PYTHONCOERCECLOCALE": "0"}
START_S = 30.0
"""What putting up the isolation may take on a busy machine; it takes about a tenth of a second."""


@dataclass(frozen=True)
class Limits:
    """What a program may use. Three seconds are those of HumanEval's own runner (arXiv 2107.03374, section 2.3)."""

    cpu_s: int = 3
    wall_s: float = 10.0
    memory_bytes: int = 1 << 30
    """Of addresses, for each process."""
    file_bytes: int = 16 << 20
    """Of its folder, which lies in memory."""
    processes: int = 1
    """Threads count."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it raised or was ended by."""

    how: Ending
    what: str = ""


def run_isolated(program: str, limits: Limits = Limits()) -> Ended:
    """Run `program`, a text of Python, and say how it ended.

    `passed`: it came to its end. `assertion`, `syntax`, `error`, `memory`: what it raised. `exit`: it left before its
    end. `timeout`, `crash`: it was ended, by its limits or by a signal. What it prints is not kept.

    Raises:
        UsageError: the system does not allow the isolation; nothing was run.
    """
    if sys.platform != "linux":
        raise _refused(f"it takes the namespaces of Linux, and this is {sys.platform}")
    with tempfile.TemporaryDirectory(prefix="isolated-") as root:
        found = _launched(_orders(program, limits, root), limits.wall_s + START_S)
    if "refused" in found:
        raise _refused(found["refused"])
    how, _, what = found["ended"].partition(" ")
    return Ended(how if how in ENDINGS else "crash", what)


def run_all_isolated(programs: Sequence[str], limits: Limits = Limits()) -> list[Ended]:
    """`run_isolated` of each, as many at a time as there are processors; equal programs run once."""
    different = list(dict.fromkeys(programs))
    with ThreadPoolExecutor(usable_cores()) as pool:  # threads that wait for processes
        ended = dict(zip(different, pool.map(lambda one: run_isolated(one, limits), different), strict=True))
    return [ended[program] for program in programs]


@functools.cache
def check_isolation() -> None:
    """Raises UsageError where programs cannot be isolated here, with the reason."""
    ended = run_isolated("pass")
    if ended.how != "passed":
        raise _refused(f"Python does not start behind its walls ({ended.how})")


def _orders(program: str, limits: Limits, root: str) -> bytes:
    python = Path(sys.executable).resolve()
    orders = {
        "program": program,
        "token": secrets.token_hex(),
        "inside": INSIDE.read_text(),
        "python": str(python),
        "shown": [str(Path(sys.base_prefix).resolve())],
        "environment": ENVIRONMENT,
        "root": root,
        "cpu_s": limits.cpu_s,
        "wall_s": limits.wall_s,
        "memory_bytes": limits.memory_bytes,
        "file_bytes": limits.file_bytes,
        "processes": limits.processes,
    }
    return json.dumps(orders).encode()


def _launched(orders: bytes, patience_s: float) -> dict[str, str]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCH)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", env={}, start_new_session=True,
    )  # fmt: skip
    try:
        answer, trouble = process.communicate(orders, timeout=patience_s)
    except subprocess.TimeoutExpired:
        return {"refused": f"it was not put up within {patience_s:g} s"}
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    try:
        found: dict[str, str] = json.loads(answer)
    except ValueError:
        lines = trouble.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
        return {"refused": lines[-1]}
    return found


def _refused(reason: str) -> UsageError:
    return UsageError(
        f"generated code cannot be isolated here, and is not run otherwise: {reason}",
        hint="run this where Linux (5.12 or later) allows user namespaces, or leave the task out",
    )
