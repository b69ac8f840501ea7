"""What products are computed in, and what this machine can do: the type, and the measured rate of multiplication."""

from __future__ import annotations

import time

import torch

from ontogeny.train.config import check_dtype

# Enough to reach a library's peak: 2 GFLOP and 1.1 TFLOP, hundredths of a second.
PROBE_SIZE = {"cpu": 1024, "cuda": 8192}
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
    size, generator = PROBE_SIZE[device], torch.Generator(device).manual_seed(0)
    # Random, since a GPU multiplies numbers that are all alike faster than any it will meet.
    a, b = (torch.randn(size, size, dtype=dtype, generator=generator, device=device) for _ in range(2))
    best = float("inf")
    for _ in range(PROBE_REPEATS):
        _wait(device)
        started = time.perf_counter()
        a @ b
        _wait(device)
        best = min(best, time.perf_counter() - started)
    del a, b
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()  # the peak told of a training is to be its own
    return float(2 * size**3 / best)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
