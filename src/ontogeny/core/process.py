"""Settings of the whole process: fast tensors and the same rounding, made before the first of them; a quick start."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# Names of glibc's <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
M_ARENA_MAX = -8
PR_SET_PDEATHSIG = 1  # <sys/prctl.h>

# Threads that wait spin for 50 to 250 microseconds, by processor, as long as operations take to follow each other, and
# then sleep. On two cores of a Xeon a step of 3M weights takes 0.49 s so, 0.53 s with a fifth of that and 0.47 s with
# six times as much; beside other work 1.0 to 1.2, 1.4 and 1.4 to 1.6 s. Read when torch is loaded.
THREADS_THAT_WAIT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "5000"}

# For `start_with_whole_memory`.
WHOLE_MEMORY = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"}


@functools.cache
def prepare_process() -> None:
    """Treat denormal numbers as zero, and keep freed memory for the next tensor.

    Products of denormal numbers are many times slower than others. The setting belongs to a thread and is inherited by
    those it starts, so it must stand before torch starts its own, or the threads would round differently.

    Large tensors are freed and made anew all the time. By default the C library gives each back to the system and asks
    for zeroed pages again, which costs up to a third of a training step; here freed memory stays in the process, and
    all threads share it.
    """
    import torch

    torch.set_flush_denormal(True)
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # glibc has it, musl does not
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)
        library.mallopt(M_ARENA_MAX, 1)


def start_with_whole_memory() -> None:
    """Start this program anew, unless `WHOLE_MEMORY` is set: the C library reads it when a process starts, and never
    again.

    Every tensor is cut out of a larger block for the sake of its alignment, and glibc puts the clippings aside for the
    next small request. What that makes then stands between large blocks for good, and memory falls to pieces: by a
    sixth of the peak at 17M weights. So clippings are joined with their neighbours at once.

    This takes as long as Python to start, so it is for what trains, before anything else is loaded. A setting that the
    user has made stays.
    """
    if sys.platform != "linux" or any(name in os.environ for name in WHOLE_MEMORY):
        return
    if hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **WHOLE_MEMORY})


def end_with_parent(signal: int) -> None:
    """Have the system send `signal` to this process when its parent dies: one killed outright tells nobody (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal)


class _NoPandas(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is hidden while pyarrow looks for it", name=fullname)
        return None


def keep_arrow_from_pandas() -> None:
    """Load pyarrow so that it does without pandas for the rest of this process.

    The first time that pyarrow is given a numpy array it imports pandas, where that is installed, to ask whether the
    array is one of its series, and the first time that it gives one it does so again: half a second of CPU for what
    nothing here uses. It asks once each, and remembers. For commands only: a program that holds frames of its own has
    loaded either library, and then nothing is changed.
    """
    if "pyarrow" in sys.modules or "pandas" in sys.modules:
        return
    hidden = _NoPandas()
    sys.meta_path.insert(0, hidden)
    try:
        import numpy as np
        import pyarrow as pa

        pa.array(np.zeros(1)).to_numpy(zero_copy_only=False)
    finally:
        sys.meta_path.remove(hidden)
