"""Trackers: the lines of metrics.jsonl, and rates, told to TensorBoard, MLflow or Weights & Biases as they come.

A tracker works in a thread of its own behind a queue, so that a slow or absent server never holds up or ends a run: the
first failure is a note, what could not be told is tried again, and what is still untold when the run ends is let go.
Which run of the tracker it is and what is untold are part of checkpoints, so that a resumed run goes on in the same one
without gap or repeat.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor

from ontogeny.core.progress import Progress
from ontogeny.train.loop import StepResult, TrainState
from ontogeny.train.metrics_log import MetricsLog
from ontogeny.train.rates import Rates

Line = dict[str, float]
RETRY_S = (1.0, 5.0, 30.0, 60.0)  # waits after the first failures in a row; the last one goes on
LONGEST_FAREWELL_S = 20.0  # for what is untold when the run ends
MOST_UNTOLD = 100_000  # lines; beyond them the oldest are let go


class Tracker(Protocol):
    """One run of one service. Everything may raise anything."""

    def open(self, run: str | None, after_step: int) -> str:
        """Begin a run, or go on with `run` after a step; gives its id."""

    def tell(self, lines: Sequence[Line]) -> None:
        """Tell metrics of some steps, in order. Called again with the same lines after a failure."""

    def close(self, *, finished: bool) -> None:
        """The end: all is to be sent. Not `finished`: the run goes on another time."""


class Tell:
    """A hook that tells every line of `metrics` to one tracker; a part of checkpoints."""

    def __init__(
        self, tracker: Tracker, label: str, *, metrics: MetricsLog, rates: Rates, progress: Progress
    ) -> None:
        self._tracker, self._label = tracker, label
        self._metrics, self._rates, self._progress = metrics, rates, progress
        self._untold: deque[Line] = deque(maxlen=MOST_UNTOLD)
        self._run: str | None = None
        self._after = 0
        self._opened = self._failed = False
        self._before: tuple[int, float] | None = None
        self._changed = threading.Condition()
        self._ending: bool | None = None
        self._thread = threading.Thread(target=self._work, name=f"tracker {label}", daemon=True)

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Queue the newest line of metrics, if it is this step's."""
        if self._metrics.last.get("step") != result.step:
            return
        line = {**self._metrics.last, **self._rates_since(state)}
        with self._changed:
            self._untold.append(line)
            if not self._thread.is_alive() and self._ending is None:
                self._thread.start()
            self._changed.notify()

    def end(self, *, finished: bool) -> None:
        """Send what is left, for a while, and close the run."""
        with self._changed:
            self._ending = finished
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(LONGEST_FAREWELL_S)
        if self._untold and not self._failed:
            self._note("it did not answer in time")

    def tensors(self) -> dict[str, Tensor]:
        """Nothing large."""
        return {}

    def state(self) -> dict[str, Any]:
        """The run of the tracker, the last step it was told, and what it is still to be told."""
        with self._changed:
            return {"run": self._run, "after": self._after, "untold": list(self._untold)}

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any] | None) -> None:
        """Go back to a checkpoint, or to the beginning."""
        saved = state or {"run": None, "after": 0, "untold": []}
        self._run, self._after = saved["run"], saved["after"]
        self._untold.extend(saved["untold"])

    def _rates_since(self, state: TrainState) -> Line:
        """Tokens a second and model-FLOPs utilisation since the line before, time of measuring left out."""
        before, self._before = self._before, (state.tokens, state.train_seconds)
        if before is None or state.train_seconds <= before[1]:
            return {}
        rate = (state.tokens - before[0]) / (state.train_seconds - before[1])
        return {"tokens_per_second": rate, "flops_utilisation": self._rates.utilisation(rate)}

    def _work(self) -> None:
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._untold or self._ending is not None)
                lines, ending = list(self._untold), self._ending
            try:
                self._tell(lines)
                failures = 0
                if ending is not None:
                    self._tracker.close(finished=ending)
            except Exception as error:  # noqa: BLE001 - nothing that a tracker does may end a run
                self._note(f"{type(error).__name__}: {str(error).strip() or 'no reason given'}")
                if ending is not None:
                    return
                with self._changed:
                    wait = RETRY_S[min(failures, len(RETRY_S) - 1)]
                    self._changed.wait_for(lambda: self._ending is not None, timeout=wait)
                failures += 1
                continue
            if ending is not None:
                return

    def _tell(self, lines: list[Line]) -> None:
        if not self._opened:
            run = self._tracker.open(self._run, self._after)
            self._opened = True
            with self._changed:
                self._run = run
        if not lines:
            return
        self._tracker.tell(lines)
        with self._changed:
            for _ in lines:
                self._untold.popleft()
            self._after = int(lines[-1]["step"])

    def _note(self, said: str) -> None:
        """The first failure, in one line."""
        if not self._failed:
            self._failed = True
            short = " ".join(said.split())[:200]
            self._progress.note(f"{self._label} cannot be told the metrics ({short}); training goes on")


class Trackers:
    """All trackers of a run by names that tell their settings; a part of checkpoints.

    They change no result, so a resumed run may have others: what is new begins there, what is gone is forgotten.
    """

    def __init__(self, tellers: Mapping[str, Tell]) -> None:
        self._tellers = tellers

    def tensors(self) -> dict[str, Tensor]:
        """Nothing large."""
        return {}

    def state(self) -> dict[str, Any]:
        """Where each of them is."""
        return {name: each.state() for name, each in self._tellers.items()}

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any] | None) -> None:
        """Go back to a checkpoint, or to the beginning."""
        for name, each in self._tellers.items():
            each.restore({}, (state or {}).get(name))
