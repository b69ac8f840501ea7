"""What every family of signals has: a name, a version, its columns, and the pass that computes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy.typing as npt

from ontogeny.data.texts import Texts

Columns: TypeAlias = dict[str, npt.NDArray[Any]]
"""(n,) arrays by name."""


@dataclass(frozen=True)
class SignalGroup:
    """Columns that one pass over a batch of texts gives.

    `version` is raised whenever the numbers change, so that stored columns of the old kind are computed anew.
    `compute` must not depend on where a batch begins or ends.
    """

    name: str
    version: int
    columns: tuple[str, ...]
    compute: Callable[[Texts], Columns]
