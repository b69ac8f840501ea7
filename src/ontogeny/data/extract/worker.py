"""The program of a worker process: reads tasks from its input, writes what came of them, under limits of its own.

    python -m ontogeny.data.extract.worker SECONDS MEMORY_BYTES

Each message is its size in four bytes and then, of a task, its name, a line feed and the payload; of a reply, JSON with
`result`, or with `reason` and `detail`. An empty reply at the start says that the worker is ready.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from ontogeny.data.extract.extracted import NotExtractedError
from ontogeny.data.extract.pdf import pdf_pages
from ontogeny.data.extract.quality import extract_candidates
from ontogeny.data.extract.workers import FAILED, HEADER_BYTES

TASKS: dict[str, Callable[[bytes], Any]] = {
    "quality": lambda page: extract_candidates(page.decode(), several=False),
    "union": lambda page: extract_candidates(page.decode(), several=True),
    "pdf": pdf_pages,
}


def main() -> None:
    """Answer tasks until the input ends."""
    seconds, memory_bytes = float(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tasks, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "r+b") as nowhere:  # noqa: PTH123 - a device; libraries that print must not garble replies
        os.dup2(nowhere.fileno(), 0)
        os.dup2(nowhere.fileno(), 1)
    _write(replies, b"{}")
    while header := tasks.read(HEADER_BYTES):
        name, _, payload = tasks.read(int.from_bytes(header, "big")).partition(b"\n")
        _limit_processor_time(seconds)
        _write(replies, json.dumps(answer(name.decode(), payload)).encode())


def answer(name: str, payload: bytes) -> dict[str, Any]:
    """The reply to one task; no exception of a library ends the worker."""
    try:
        return {"result": TASKS[name](payload)}
    except NotExtractedError as error:
        return {"reason": error.reason, "detail": str(error)}
    except MemoryError:
        return {"reason": FAILED, "detail": "more memory than allowed"}
    except Exception as error:  # noqa: BLE001 - whatever a page does to a library is the page's reason
        return {"reason": FAILED, "detail": f"{type(error).__name__}: {error}"[:300]}


def _limit_processor_time(seconds: float) -> None:
    """Let the kernel end this process `seconds` of processor time from now (SIGXCPU)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _write(stream: BinaryIO, message: bytes) -> None:
    stream.write(len(message).to_bytes(HEADER_BYTES, "big") + message)
    stream.flush()


if __name__ == "__main__":
    main()
