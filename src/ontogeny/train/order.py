"""The order of training: which rows a step reads, as a pure function of (seed, step).

Position p of the whole run belongs to epoch p // rows, and within it reads the row that a keyed permutation gives. So
there is no sampler state to save: to resume is to know the step, and any number of processes sees the same order.

The permutation is a balanced Feistel network (Luby and Rackoff, 1988) over the next even power of two, walked until
the value falls inside (Black and Rogaway, 2002, "cycle walking"). It is our own, rather than a library's shuffle,
because its values must never change with a version of that library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ontogeny.core.seeds import derive_seed

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]

FEISTEL_ROUNDS = 6  # four make a strong permutation of a large domain; two more help the tiny ones


@dataclass(frozen=True)
class RowOrder:
    """`steps` updates of `batch_rows` rows each, out of `rows` rows, shuffled anew in each epoch by `seed`."""

    rows: int
    batch_rows: int
    steps: int
    seed: int

    def rows_for_step(self, step: int) -> Int64s:
        """The rows of a step (from 0), (batch_rows,); a step across the end of an epoch holds rows of both."""
        positions = np.arange(step * self.batch_rows, (step + 1) * self.batch_rows, dtype=np.int64)
        epochs = positions // self.rows
        parts = [
            self._epoch(int(epoch), positions[epochs == epoch] % self.rows) for epoch in np.unique(epochs)
        ]
        return np.concatenate(parts)

    def steps_of_rows(self, rows: Int64s) -> Int64s:
        """The steps (sorted, each once) that read any of `rows`."""
        epochs = -(-self.steps * self.batch_rows // self.rows)
        found = []
        for epoch in range(epochs):
            order = self._epoch(epoch, np.arange(self.rows, dtype=np.int64))
            positions = epoch * self.rows + np.flatnonzero(np.isin(order, rows))
            found.append(positions // self.batch_rows)
        steps: Int64s = np.unique(np.concatenate(found))
        return steps[steps < self.steps]

    def _epoch(self, epoch: int, index: Int64s) -> Int64s:
        return permute(index, size=self.rows, key=derive_seed(self.seed, "epoch", epoch))


@dataclass(frozen=True)
class PhasedOrder:
    """A run in phases, each of which reads rows of its own, every one of them once, shuffled by `seed`.

    Phase p ends after step `ends[p]` (counted from 1), the last one after `steps`. Rows lie in the order of phases.
    """

    batch_rows: int
    steps: int
    seed: int
    ends: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows of the whole run."""
        return self.steps * self.batch_rows

    def rows_for_step(self, step: int) -> Int64s:
        """The rows of a step (from 0), (batch_rows,)."""
        phase = next(number for number, end in enumerate(self.ends) if step < end)
        first = self._first_row(phase)
        return self._phase(
            phase, np.arange(step * self.batch_rows, (step + 1) * self.batch_rows, dtype=np.int64) - first
        )

    def steps_of_rows(self, rows: Int64s) -> Int64s:
        """The steps (sorted, each once) that read any of `rows`."""
        found = []
        for phase, end in enumerate(self.ends):
            first = self._first_row(phase)
            order = self._phase(phase, np.arange(end * self.batch_rows - first, dtype=np.int64))
            found.append((first + np.flatnonzero(np.isin(order, rows))) // self.batch_rows)
        steps: Int64s = np.unique(np.concatenate(found))
        return steps

    def _first_row(self, phase: int) -> int:
        return self.ends[phase - 1] * self.batch_rows if phase else 0

    def _phase(self, phase: int, index: Int64s) -> Int64s:
        first = self._first_row(phase)
        size = self.ends[phase] * self.batch_rows - first
        return first + permute(index, size=size, key=derive_seed(self.seed, "phase", phase))


def permute(index: Int64s, *, size: int, key: int) -> Int64s:
    """Where each of `index` (values in [0, size)) goes in the permutation of [0, size) that `key` chooses."""
    half_bits = max(1, ((size - 1).bit_length() + 1) // 2)
    round_keys = [derive_seed(key, "round", number) for number in range(FEISTEL_ROUNDS)]
    values = _feistel(index.astype(np.uint64), half_bits, round_keys)
    while (outside := values >= size).any():
        values[outside] = _feistel(values[outside], half_bits, round_keys)
    return values.astype(np.int64)


def _feistel(values: UInt64s, half_bits: int, round_keys: list[int]) -> UInt64s:
    """A permutation of [0, 4**half_bits)."""
    shift, mask = np.uint64(half_bits), np.uint64((1 << half_bits) - 1)
    left, right = values >> shift, values & mask
    for round_key in round_keys:
        left, right = right, left ^ (_mix(right + np.uint64(round_key)) & mask)
    joined: UInt64s = (left << shift) | right
    return joined


def _mix(values: UInt64s) -> UInt64s:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): every bit of the input moves every bit out."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
