"""A quick start of numba: compiled kernels are loaded without the extensions of packages that happen to be installed.

With its first kernel numba loads every package that offers it new types (awkward, which an encoder of ours brings, is a
second of CPU and 30 MB of memory), and SciPy's linear algebra to know whether there is any. No kernel of ours uses
either, so both are passed over: in this process, and until the caller asks for them by itself.
"""

from __future__ import annotations

import functools
import sys


@functools.cache
def start_numba() -> None:
    """Load numba for kernels over plain arrays; before the first of them is called."""
    if "scipy.linalg" in sys.modules:
        import numba.np.arraymath
    else:
        sys.modules["scipy.linalg"] = None  # type: ignore[assignment]  # an import of it fails, as where SciPy is not
        try:
            import numba.np.arraymath  # noqa: F401  # asks for it
        finally:
            del sys.modules["scipy.linalg"]
    from numba.core import entrypoints

    if hasattr(entrypoints, "_already_initialized"):
        entrypoints._already_initialized = True
