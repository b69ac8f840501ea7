"""The worker's side of taking turns: JSON lines over standard input and output.

A contestant loads everything once, announces itself, and then works only when it is asked to, so that all of
them stay loaded and are measured in the same minutes:

    -> {"ready": true, ...facts}                        once
    <- {"do": "turn"}     -> {"seconds": 1.2, ...}      one unit of work, what it took, cpu_seconds, and peak_bytes
    <- {"do": "gemm", "products": [[4096, 384, 1024], ...], "dtype": "float32"}
                          -> {"seconds": [0.02, ...]}   what products (n, k) (k, m) take right now
    <- {"do": "stop"}                                   the process ends
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable

MATRIX_REPEATS = 3


class Turns:
    """Answers the driver. Standard output carries the protocol only: prints of libraries go to standard
    error.
    """

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._started = self._spent = 0.0

    def announce(self, **facts: object) -> None:
        """Everything is loaded and warm; `facts` go into the result file."""
        self._answer(ready=True, **facts)

    def wait(self) -> None:
        """Return when it is our turn; the clock starts here. Ends the process when told to stop."""
        for line in sys.stdin:
            request = json.loads(line)
            if request["do"] == "turn":
                self._started, self._spent = time.perf_counter(), time.process_time()
                return
            if request["do"] == "gemm":
                found = [product_seconds(*sizes, request["dtype"]) for sizes in request["products"]]
                self._answer(seconds=found)
            elif request["do"] == "stop":
                break
        self._answers.close()
        os._exit(0)  # also out of the middle of a training loop

    def done(self, **figures: float) -> None:
        """The turn is over; the clock stops here."""
        seconds = time.perf_counter() - self._started
        cpu_seconds = time.process_time() - self._spent
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self._answer(seconds=seconds, cpu_seconds=cpu_seconds, peak_bytes=peak_bytes, **figures)

    def _answer(self, **fields: object) -> None:
        self._answers.write(json.dumps(fields) + "\n")
        self._answers.flush()


def take_turns(work: Callable[[], float], **facts: object) -> None:
    """Do `work` (it returns the loss) once to warm up, then once a turn, for ever."""
    turns = Turns()
    work()
    turns.announce(**facts)
    while True:
        turns.wait()
        loss = work()
        turns.done(loss=loss)


def product_seconds(n: int, k: int, m: int, dtype: str) -> float:
    """The best of three products of (n, k) and (k, m), both read as a linear layer's backward pass reads them."""
    import torch

    kind = getattr(torch, dtype)
    left, right = torch.randn(n, k, dtype=kind), torch.randn(k, m, dtype=kind)
    out = torch.empty(n, m, dtype=kind)
    best = float("inf")
    for _ in range(MATRIX_REPEATS):
        started = time.perf_counter()
        torch.mm(left, right, out=out)
        best = min(best, time.perf_counter() - started)
    return best
