"""What products are computed in, and what this machine can do: the type, and the measured rate of multiplication."""

from __future__ import annotations

import time

import torch

from ontogeny.train.config import check_dtype

PROBE_SIZE = 1024  # large enough to reach a library's peak, small enough for a few hundredths of a second
PROBE_REPEATS = 6


def resolve_dtype(wanted: str, device: str) -> torch.dtype:
    """float32 on a CPU, bfloat16 on CUDA, unless `wanted` says otherwise.

    Raises:
        UsageError: bfloat16 on a CPU.
    """
    if wanted == "auto":
        return torch.float32 if device == "cpu" else torch.bfloat16
    check_dtype(wanted, device)
    return torch.float32 if wanted == "float32" else torch.bfloat16


def matmul_flops_per_second(device: str, dtype: torch.dtype) -> float:
    """The best measured rate of a square product, FLOP/s, with the threads this process has; takes about 0.2 s."""
    a, b = (torch.ones(PROBE_SIZE, PROBE_SIZE, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(PROBE_REPEATS):
        _wait(device)
        started = time.perf_counter()
        a @ b
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return float(2 * PROBE_SIZE**3 / best)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
