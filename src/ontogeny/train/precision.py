"""What products are computed in, and what this machine can do: the type, and the measured rate of multiplication."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext

import torch

from ontogeny.model.amx import has_amx, rounding
from ontogeny.train.config import check_dtype

# Enough to reach a library's peak: 2 GFLOP and 1.1 TFLOP, hundredths of a second.
PROBE_SIZE = {"cpu": 1024, "cuda": 8192}
PROBE_REPEATS = 6


def resolve_dtype(wanted: str, device: str) -> torch.dtype:
    """float32 on a CPU, bfloat16 on CUDA, unless `wanted` says otherwise.

    Raises:
        UsageError: bfloat16 on a CPU that would be slow in it.
    """
    if wanted == "auto":
        return torch.float32 if device == "cpu" else torch.bfloat16
    check_dtype(wanted, device)
    return torch.float32 if wanted == "float32" else torch.bfloat16


def faster_dtype(wanted: str, device: str) -> str | None:
    """What to tell of a type that would be faster than what is left to this module; None where there is none."""
    if wanted != "auto" or device != "cpu" or not has_amx():
        return None
    return "this processor has matrix tiles (AMX): `train.dtype: bfloat16` is up to twice as fast"


def products_in(dtype: torch.dtype, device: str) -> AbstractContextManager[None]:
    """For a forward pass: what it computes products in; the weights stay what they are."""
    if device == "cpu":
        return rounded_on_cpu(dtype, device)
    return torch.autocast(device, dtype, enabled=dtype != torch.float32)


def rounded_on_cpu(dtype: torch.dtype, device: str) -> AbstractContextManager[None]:
    """For a backward pass and an optimizer's step, which on CUDA know their types by themselves."""
    return rounding(dtype == torch.bfloat16) if device == "cpu" else nullcontext()


def matmul_flops_per_second(device: str, dtype: torch.dtype) -> float:
    """The best measured rate of a square product, FLOP/s, with the threads this process has; takes about 0.2 s."""
    size, generator = PROBE_SIZE[device], torch.Generator(device).manual_seed(0)
    stored = torch.float32 if device == "cpu" else dtype  # see `products_in`
    # Random, since a GPU multiplies numbers that are all alike faster than any it will meet.
    a, b = (torch.randn(size, size, dtype=stored, generator=generator, device=device) for _ in range(2))
    best = float("inf")
    for _ in range(PROBE_REPEATS):
        _wait(device)
        with rounded_on_cpu(dtype, device):
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
