"""How numba starts: before it compiles or loads anything, it imports what other packages registered with it.

Here that is awkward, which gigatoken brings: 45 MB and a quarter of a second, for arrays that no compiled pass of ours
uses. There is no public switch for it (numba/core/entrypoints.py).
"""

from __future__ import annotations


def start_without_extensions() -> None:
    """Call this before the first compiled pass; later it does nothing."""
    from numba.core import entrypoints

    if hasattr(entrypoints, "_already_initialized"):
        entrypoints._already_initialized = True
