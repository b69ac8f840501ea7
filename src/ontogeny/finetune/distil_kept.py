"""What a teacher says of fixed rows, asked once and kept on disk: its likeliest tokens at every place.

    kept = keep_top_tokens(teacher, batches, path=..., count=64, ...)
    kept.at(places)                          # what it says of the targets that lie there

The file only grows, a record for each place in the order in which the rows are read, so that a run that was killed goes
on behind the last whole one. A record of k tokens has 8 k + 4 bytes: ids, log-probabilities, and the log of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ontogeny.core.errors import UsageError
from ontogeny.core.files import disk_errors
from ontogeny.core.progress import Progress
from ontogeny.finetune.distil_teacher import Teacher
from ontogeny.model.divergence import TopTokens, top_tokens
from ontogeny.report import numbers
from ontogeny.train.batches import Batch, Batches
from ontogeny.train.order import Int64s
from ontogeny.train.precision import products_in


class _Places:
    """A source that has at every place the number of that place."""

    def read(self, shard: int, start: int, length: int) -> Int64s:
        """[start, start + length)."""
        return np.arange(start, start + length, dtype=np.int64)


def places_of(batches: Batches) -> Batches:
    """The same batches, with the places where their targets lie in the source for targets."""
    return batches.reading(_Places())


@dataclass(frozen=True)
class KeptAnswers:
    """Records of a teacher's likeliest tokens; that of the target at place i is number `record[i]`."""

    records: npt.NDArray[Any]
    record: Int64s
    vocab_size: int

    def at(self, places: Tensor) -> TopTokens:
        """What the teacher says of the targets at `places` (n,), on their device."""
        found = self.records[self.record[places.cpu().numpy()]]
        ids, values, rest = (
            torch.from_numpy(np.ascontiguousarray(found[name])).to(places.device)
            for name in ("ids", "log_probabilities", "log_rest")
        )
        return TopTokens(ids.long(), values, rest, self.vocab_size)


def record_type(count: int) -> np.dtype[Any]:
    """A record of `count` tokens."""
    return np.dtype([("ids", "<u4", (count,)), ("log_probabilities", "<f4", (count,)), ("log_rest", "<f4")])


def keep_top_tokens(
    teacher: Teacher,
    batches: Batches,
    *,
    path: Path,
    count: int,
    vocab_size: int,
    temperature: float,
    dtype: torch.dtype,
    progress: Progress,
) -> KeptAnswers:
    """Ask `teacher` about every row of `batches` and keep the `count` likeliest of `vocab_size` tokens in `path`.

    What an earlier attempt kept there is not asked again.

    Raises:
        UsageError: as many tokens as there are: keeping those would be no shortcut.
        ArtifactError: the disk is full, or cannot be written.
    """
    if count >= vocab_size:
        raise UsageError(
            f"`top_tokens` ({count:,}) must be fewer than the {vocab_size:,} that there are",
            where="distil.top_tokens",
            hint="lower it, or leave it out to have the teacher asked in every step",
        )
    order = np.concatenate([batch.targets.cpu().numpy() for batch in places_of(batches).every_row()])
    record = np.full(int(order.max()) + 1, -1, dtype=np.int64)
    record[order] = np.arange(len(order))
    kind = record_type(count)
    with disk_errors("keeping what the teacher says"):
        done = path.stat().st_size // kind.itemsize if path.is_file() else 0
        if done < len(order):
            progress.note(
                f"distil: the teacher's {count:,} likeliest tokens at {len(order):,} places are computed once and "
                f"kept, {numbers.size(len(order) * kind.itemsize)}"
            )
            with path.open("ab") as file, progress.bar("asking teacher", total=len(order), unit="tok") as bar:
                file.truncate(done * kind.itemsize)
                bar.advance(done)
                start = 0
                for batch in batches.every_row():
                    skip, start = max(0, done - start), start + batch.supervised
                    if skip < batch.supervised:
                        said = _asked(teacher, batch, count, vocab_size, temperature, dtype)
                        file.write(_records(said, kind)[skip:].tobytes())
                        file.flush()
                        bar.advance(batch.supervised - skip)
        return KeptAnswers(np.memmap(path, dtype=kind, mode="r"), record, vocab_size)


def _asked(
    teacher: Teacher, batch: Batch, count: int, vocab_size: int, temperature: float, dtype: torch.dtype
) -> TopTokens:
    with products_in(dtype, batch.idx.device.type):
        states = teacher.states(batch)
    return top_tokens(states, count=count, vocab_size=vocab_size, temperature=temperature)


def _records(said: TopTokens, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    records = np.empty(len(said.ids), dtype=kind)
    records["ids"] = said.ids.cpu().numpy()
    records["log_probabilities"] = said.log_probabilities.float().cpu().numpy()
    records["log_rest"] = said.log_rest.float().cpu().numpy()
    return records
