"""One run of the race to a held-out loss: what both contestants are told, and what they answer. Torch and numpy only.

    <folder>/train.bin, held_out.bin, wikitext.bin    uint16 tokens, end-of-text after each document
    <folder>/bytes.json                               bytes of text behind the measured tokens of the latter two

The job comes as JSON on the command line, the answer is one line of JSON on standard output.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

MEASURE_ROWS = 32  # of one forward pass in measuring
PACED_FROM = 4  # steps: the first ones fill caches and memory


@dataclass(frozen=True)
class LossJob:
    """Sizes, length and rates of a run. `rates` are the contestant's own: learning rates by name."""

    folder: str
    d_model: int
    n_layers: int
    n_heads: int
    vocab_size: int
    seq_len: int
    batch_rows: int
    steps: int
    seed: int
    rates: dict[str, float]
    measure_every: int
    """Steps between measurements; 0 measures nothing but the clock, at `PACED_FROM` and at the end."""
    threads: int

    @classmethod
    def of_arguments(cls) -> LossJob:
        """The job on the command line; sets the number of threads."""
        job = cls(**json.loads(sys.argv[1]))
        torch.set_num_threads(job.threads)
        return job

    def to_json(self) -> str:
        """The argument that `of_arguments` reads."""
        return json.dumps(asdict(self))

    def tokens(self, name: str) -> npt.NDArray[np.uint16]:
        """A file of tokens, memory-mapped."""
        return np.memmap(Path(self.folder) / f"{name}.bin", dtype=np.uint16, mode="r")


class Curve:
    """Measures a model as it learns: (step, seconds of training so far, bits a byte)."""

    def __init__(self, job: LossJob) -> None:
        self._job = job
        self._bytes: dict[str, int] = json.loads((Path(job.folder) / "bytes.json").read_text())
        self.points: list[tuple[int, float, float]] = []
        self._started = time.perf_counter()

    def due(self, step: int) -> bool:
        """Whether the model is to be measured after `step` steps."""
        every = self._job.measure_every
        return step == self._job.steps or (step % every == 0 if every else step == PACED_FROM)

    def add(
        self, step: int, seconds: float, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    ) -> None:
        """Measure now; `loss` sums nats over targets (B, T) of inputs (B, T)."""
        bits = self.bits_per_byte("held_out", loss) if self._job.measure_every else math.nan
        self.points.append((step, seconds, bits))

    def bits_per_byte(self, name: str, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> float:
        """Over rows that follow each other without overlap."""
        total = 0.0
        with torch.no_grad():
            for inputs, targets in self._rows(self._job.tokens(name)):
                total += float(loss(inputs, targets))
        return total / math.log(2) / self._bytes[name]

    def answer(self, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], **facts: Any) -> None:
        """Print what became of the run."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        told = {"curve": self.points, "peak_bytes": peak, **facts}
        if self._job.measure_every:
            told["wikitext_bits_per_byte"] = self.bits_per_byte("wikitext", loss)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        os._exit(0)

    def _rows(self, tokens: npt.NDArray[np.uint16]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        T = self._job.seq_len
        rows = (len(tokens) - 1) // T
        for start in range(0, rows, MEASURE_ROWS):
            stop = min(start + MEASURE_ROWS, rows)
            part = torch.from_numpy(tokens[start * T : stop * T + 1].astype(np.int64))
            yield part[:-1].view(-1, T), part[1:].view(-1, T)
