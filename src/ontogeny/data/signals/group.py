"""What every family of signals has: a name, a version, its columns, and the pass that computes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ontogeny.data.texts import Texts


@dataclass(frozen=True, eq=False)
class Ragged:
    """A column with any number of values a document: those of document i are `values[offsets[i]:offsets[i + 1]]`."""

    values: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]

    ndim = 2

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, rows: npt.NDArray[np.integer]) -> Ragged:
        """The values of `rows`, in their order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths)
        return Ragged(self.values[places], offsets)


Columns: TypeAlias = dict[str, "npt.NDArray[Any]"]
"""(n,) or (n, k) arrays by name."""

Stored: TypeAlias = Mapping[str, "npt.NDArray[Any] | Ragged"]
"""What is kept of a group: columns, some perhaps ragged."""


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
    compute: Callable[[Texts], Stored] = field(compare=False)
