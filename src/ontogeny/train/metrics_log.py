"""metrics.jsonl: one JSON object a logged step, without gaps or repeats however often the run was killed.

    {"step", "tokens", "loss", "lr", "grad_norm", "skipped"?, "held_out_loss"?, "held_out_bits_per_byte"?}

No line says how long anything took, so that equal runs write equal files; the manifest's metrics have the rate.
`loss` and `grad_norm` are means over the steps since the line before; `skipped` counts the updates that were skipped so
far. The file is cut back to its length at the checkpoint when a run is resumed; steps not yet in a line are part of the
checkpoint.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.core.files import disk_errors

if TYPE_CHECKING:  # torch stands behind them, and reports want the name of the file alone
    from torch import Tensor

    from ontogeny.train.loop import StepResult, TrainState

METRICS_FILE = "metrics.jsonl"


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The lines of the metrics.jsonl in `folder`."""
    return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


class MetricsLog:
    """A hook that writes a line every `every` steps, after the last of `steps`, and where another hook measured."""

    def __init__(self, path: Path, *, every: int, steps: int) -> None:
        self._path = path
        self._every = every
        self._steps = steps
        self._pending: list[StepResult] = []
        self.last: dict[str, float] = {}
        """The newest line."""

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Remember the step; write a line where one is due."""
        self._pending.append(result)
        if result.step % self._every == 0 or result.step == self._steps or state.ended or result.figures:
            self.last = _line(state, self._pending)
            self._pending = []
            with disk_errors("writing the metrics"), self._path.open("a") as file:
                file.write(json.dumps(self.last) + "\n")

    def tensors(self) -> dict[str, Tensor]:
        """Nothing large."""
        return {}

    def state(self) -> dict[str, Any]:
        """What `restore` needs; the file is durable up to here."""
        with disk_errors("writing the metrics"), self._path.open("ab") as file:
            os.fsync(file.fileno())
            size = file.tell()
        return {"bytes": size, "pending": [asdict(result) for result in self._pending], "last": self.last}

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any] | None) -> None:
        """Go back to a checkpoint, or to an empty file.

        Raises:
            ValueError: the file is shorter than it was at the checkpoint.
        """
        from ontogeny.train.loop import StepResult

        with disk_errors("writing the metrics"), self._path.open("ab") as file:
            wanted = state["bytes"] if state else 0
            if file.tell() < wanted:
                raise ValueError(f"{self._path} has {file.tell()} bytes, and had {wanted} at the checkpoint")
            file.truncate(wanted)
        self._pending = [StepResult(**result) for result in state["pending"]] if state else []
        self.last = state["last"] if state else {}


def _line(state: TrainState, results: list[StepResult]) -> dict[str, float]:
    latest = results[-1]
    return {
        "step": latest.step,
        "tokens": state.tokens,
        "loss": sum(result.loss for result in results) / len(results),
        "lr": latest.lr,
        "grad_norm": sum(result.grad_norm for result in results) / len(results),
        **({"skipped": state.skipped} if state.skipped else {}),
        **latest.figures,
    }
