"""Products of float32 matrices on a CPU whose factors are rounded to bfloat16 as they are read.

A processor with Intel's matrix tiles (AMX) multiplies bfloat16 six to nine times as fast as float32, and four times as
fast where it has to round first. PyTorch has a switch for this, which holds for a whole process, all its threads, and
does nothing on other processors. Sums and results stay float32, but inside feed-forward layers (`model.mlp`), which
store what only products read in bfloat16: the precision is that of autocast, or better.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

ROUNDED, EXACT = "medium", "highest"  # as `torch.set_float32_matmul_precision` calls them


def has_amx() -> bool:
    """Whether this processor multiplies bfloat16 natively, in tiles."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))


def is_rounding() -> bool:
    """Whether products made now are rounded."""
    return torch.get_float32_matmul_precision() == ROUNDED


def product_type(x: Tensor) -> torch.dtype:
    """What to store `x` in that only products read much: bfloat16 where they would round it, else its own type."""
    return torch.bfloat16 if x.dtype == torch.float32 and is_rounding() else x.dtype


@contextmanager
def rounding(wanted: bool) -> Iterator[None]:
    """Round the factors of products that are made within, or do not; a backward pass counts where it runs."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(ROUNDED if wanted else EXACT)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
