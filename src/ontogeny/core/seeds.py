"""One seed, and a named child for every consumer.

Children depend on the parent and the names only, so that adding a consumer never moves another one's numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blake3 import blake3

if TYPE_CHECKING:
    import numpy as np

SEED_BITS = 63  # fits the signed 64-bit integers of torch and SQLite


def derive_seed(seed: int, *names: str | int) -> int:
    """The child of `seed` that `names` call, in [0, 2**63)."""
    text = "\x1f".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(blake3(text.encode()).digest(8), "big") >> (64 - SEED_BITS)


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator (PCG64) of its own for the child of `seed` that `names` call."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(derive_seed(seed, *names)))
