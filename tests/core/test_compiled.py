"""Kernels run, and what they do not need is not loaded."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from ontogeny.core.compiled import start_numba
start_numba()
start_numba()
import numba, numpy as np
@numba.njit
def total(values):
    found = 0
    for value in values:
        found += value
    return found
assert total(np.arange(5)) == 10
assert "awkward" not in sys.modules and "scipy.linalg" not in sys.modules
import scipy.linalg
assert scipy.linalg.norm([3, 4]) == 5
"""


def test_kernels_load_neither_extensions_nor_linear_algebra() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
