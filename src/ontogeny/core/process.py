"""Settings of the whole process that make tensors fast and rounding the same; made once, before the first of them."""

from __future__ import annotations

import ctypes
import functools
import sys

# Names of glibc's <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


@functools.cache
def prepare_process() -> None:
    """Treat denormal numbers as zero, and keep freed memory for the next tensor.

    Products of denormal numbers are many times slower than others. The setting belongs to a thread and is inherited by
    those it starts, so it must stand before torch starts its own, or the threads would round differently.

    Large tensors are freed and made anew all the time. By default the C library gives each back to the system and asks
    for zeroed pages again, which costs up to a third of a training step; here freed memory stays in the process.
    """
    import torch

    torch.set_flush_denormal(True)
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # glibc has it, musl does not
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)
