"""What every family of signals has: a name, a version, its columns, and the pass that computes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy.typing as npt

from ontogeny.data.texts import Texts

Columns: TypeAlias = dict[str, npt.NDArray[Any]]
"""(n,) arrays by name."""


@dataclass(frozen=True)
class SignalGroup:
    """Columns that one pass over a batch of texts gives.

    `name` and `version` say what is in the columns, wherever they are stored: `version` is raised whenever the numbers
    change, and a group that depends on a model or a list has its digest in the name.
    `compute` must not depend on where a batch begins or ends.
    """

    name: str
    version: int
    columns: tuple[str, ...]
    compute: Callable[[Texts], Columns] = field(compare=False)
