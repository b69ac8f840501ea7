"""Checkpoints: everything the next step depends on, in one folder that is whole or absent.

    checkpoints/000000120/rank-0000.safetensors    trained weights `model/...`, `optimizer/...`, tensors `PART/...`
    checkpoints/000000120/state.json               step, counts, seconds, state of the parts, digest of the run

Each process writes what it holds, and every piece says where in the whole tensor it belongs, as torch.distributed's
`HuggingFaceStorageWriter` writes it; its reader gives any number of processes their pieces back. There is no pickle in
it, and no random state either: order and initial weights are functions of the seed, and nothing else in training is
random.

A checkpoint is written under a temporary name, made durable, renamed, and only then is the one before it removed: on a
kill or a full disk the last good one stays. Training waits only until its tensors are copied, on a CPU into the page
cache, else into memory; a thread does the rest. What goes wrong there is told after the next step.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from ontogeny.core.errors import ArtifactError
from ontogeny.core.files import canonical_json, disk_errors, sync_folder
from ontogeny.train.loop import StepResult, TrainState
from ontogeny.train.optim import trained_weights
from ontogeny.train.pieces import PIECES_KEY, own_pieces, read_pieces
from ontogeny.train.ranks import ALONE, Ranks

STATE_FILE = "state.json"
LEAST_SECONDS = 15.0  # between two checkpoints, where nothing else is asked for
SHARE = 0.01  # of the time that training may wait for them; the steps beside one take a little longer as well
UNFINISHED = ".unfinished-"
COUNTERS = ("step", "tokens", "supervised", "train_seconds", "seconds", "skipped", "ended", "processes")
ENDED_BY_FIRST = "the first process ended the run"


def tensors_file(rank: int) -> str:
    """Where a process writes."""
    return f"rank-{rank:04d}.safetensors"


class Part(Protocol):
    """Something beside weights and optimizer that a resumed run needs: metrics, a guard, an average of weights."""

    def tensors(self) -> dict[str, Tensor]:
        """What of it is large."""

    def state(self) -> Any:
        """The rest, as JSON values."""

    def restore(self, tensors: dict[str, Tensor], state: Any) -> None:
        """Take back what `tensors` and `state` gave; ({}, None) stands for the beginning of a run.

        Raises:
            ValueError: what was saved does not fit.
        """


class Checkpoints:
    """A hook that saves every `every_seconds` and after the last step, and that brings a run back.

    Without `every_seconds` it is as often as costs little: see LEAST_SECONDS and SHARE.

    `digest` names the run: a folder that holds another run's checkpoint is refused. With several `ranks` all of them
    call everything here in step; the first one's clock and `parts` count, and one that is about to end the run
    (`state.ended`) ends it for all. As a context it waits for what is being written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        digest: str,
        parts: Mapping[str, Part],
        steps: int,
        every_seconds: float | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self._folder = folder
        self._digest = digest
        self._parts = parts
        self._steps = steps
        self._every_seconds = every_seconds
        self._waited = 0.0
        """Seconds that training waited for the newest checkpoint."""
        self._ranks = ranks
        self._saved_at = time.monotonic()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None
        self._step = 0

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Save where it is time to; tell of a save that failed.

        Raises:
            ArtifactError: as `save`.
        """
        began = time.monotonic()
        late = began - self._saved_at >= self._pause
        written = self._writing is None or self._writing.done()
        due, ended, unwritten = self._ranks.highest(
            [self._ranks.first and late, bool(state.ended), not written]
        )
        if ended and not state.ended:
            state.ended = ENDED_BY_FIRST
        last = result.step == self._steps or bool(ended)
        if due or last or not unwritten:
            self._finish()
        if due or last:
            self._begin(state)
            self._saved_at = time.monotonic()
            self._waited = self._saved_at - began
        if last:
            self._finish()

    @property
    def _pause(self) -> float:
        """Seconds from one checkpoint to the next."""
        if self._every_seconds is not None:
            return self._every_seconds
        return max(LEAST_SECONDS, self._waited / SHARE)

    def save(self, state: TrainState) -> None:
        """Write a checkpoint and remove the one before it.

        Raises:
            ArtifactError: the disk is full or cannot be written; the checkpoint before is still there.
        """
        self._finish()
        self._begin(state)
        self._finish()

    def _begin(self, state: TrainState) -> None:
        """Copy what is to be saved out of the way of the next step, and let a thread do the rest."""
        self._step = state.step
        groups: dict[str, Mapping[str, Tensor]] = {
            "model": trained_weights(state.model),
            "optimizer": state.optimizer.state(),
            **{name: part.tensors() for name, part in self._parts.items()},
        }
        named = {f"{group}/{name}": value for group, each in groups.items() for name, value in each.items()}
        saved: dict[str, Any] = {name: getattr(state, name) for name in COUNTERS}
        saved |= {"digest": self._digest, "parts": {name: part.state() for name, part in self._parts.items()}}
        pieces, places = own_pieces(named, self._ranks)
        on_device = state.model.device.type != "cpu"
        if on_device:
            pieces = {name: piece.cpu() for name, piece in pieces.items()}
        begun: Future[None] = Future()
        try:  # an error is told when all processes have come to an end of it, or the others would wait for ever
            self._unfinished.mkdir(parents=True, exist_ok=True)
            if self._ranks.first:
                (self._unfinished / STATE_FILE).write_bytes(canonical_json(saved))
            if not on_device:
                self._write(pieces, places)
            begun.set_result(None)
        except OSError as error:
            begun.set_exception(error)
        left = pieces if on_device else {}
        self._writing = begun if begun.exception() else self._thread.submit(self._complete_save, left, places)

    def _complete_save(self, pieces: dict[str, Tensor], places: dict[str, Any]) -> None:
        """In the thread: write what is not yet written and make it durable; alone, give it its name."""
        if pieces:
            self._write(pieces, places)
        sync_file(self._unfinished / tensors_file(self._ranks.rank))
        if self._ranks.first:
            sync_file(self._unfinished / STATE_FILE)
        if self._ranks.mesh is None:
            self._publish()

    def _write(self, pieces: dict[str, Tensor], places: dict[str, Any]) -> None:
        file = self._unfinished / tensors_file(self._ranks.rank)
        try:
            save_file(pieces, file, {"format": "pt", PIECES_KEY: json.dumps(places)})
        except SafetensorError as error:  # safetensors wraps what the operating system said
            raise as_os_error(error, file) from error

    def _finish(self) -> None:
        """Wait until every process has written, and give the checkpoint its name."""
        if self._writing is None:
            return
        error = self._writing.exception()
        self._writing = None
        failed = bool(self._ranks.highest([error is not None])[0])
        if failed and self._ranks.first:
            shutil.rmtree(self._unfinished, ignore_errors=True)
        with disk_errors(f"saving the checkpoint of step {self._step}"):
            if error is not None:
                raise error
            if failed:
                raise OSError(0, "another process could not write its part")
            if self._ranks.mesh is not None and self._ranks.first:
                self._publish()

    def _publish(self) -> None:
        sync_folder(self._unfinished)
        before = self._complete()
        self._unfinished.rename(self._folder / f"{self._step:09d}")
        sync_folder(self._folder)
        for folder in before:
            shutil.rmtree(folder, ignore_errors=True)

    def restore(self, state: TrainState) -> bool:
        """Bring `state` and all parts to the newest checkpoint; False where there is none.

        Raises:
            ArtifactError: the checkpoint belongs to another run, or cannot be read.
        """
        if self._ranks.first:
            for leftover in self._folder.glob(f"{UNFINISHED}*"):
                shutil.rmtree(leftover, ignore_errors=True)
        self._ranks.highest([0])  # nobody goes on before that
        complete = self._complete()
        if not complete:
            for part in self._parts.values():
                part.restore({}, None)
            return False
        newest = complete[-1]
        remedy = f"remove {self._folder} to train from the beginning"
        try:
            saved = json.loads((newest / STATE_FILE).read_bytes())
            if saved["digest"] != self._digest:
                raise ArtifactError(
                    "this checkpoint was written by a run with another configuration, data or seed",
                    where=str(newest),
                    hint=remedy,
                )
            tensors = read_pieces(newest, trained_weights(state.model))
            state.optimizer.load_state(_within(tensors, "optimizer"))
            for name in COUNTERS:
                setattr(state, name, saved[name])
            for name, part in self._parts.items():
                part.restore(_within(tensors, name), saved["parts"][name])
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise ArtifactError(
                f"the checkpoint cannot be read ({error})", where=str(newest), hint=remedy
            ) from error
        return True

    @property
    def _unfinished(self) -> Path:
        return self._folder / f"{UNFINISHED}{self._step:09d}"

    def _complete(self) -> list[Path]:
        """Finished checkpoints, oldest first."""
        return sorted(path for path in self._folder.glob("[0-9]*") if path.is_dir())


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _within(tensors: Mapping[str, Tensor], group: str) -> dict[str, Tensor]:
    """Those of a group, without its name."""
    prefix = f"{group}/"
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def as_os_error(error: SafetensorError, path: Path) -> OSError:
    """The operating system's error about `path`, of a message such as `I/O error: No space left (os error 28)`."""
    import re

    found = re.search(r"os error (\d+)", str(error))
    number = int(found.group(1)) if found else 0
    return OSError(number, os.strerror(number) if number else str(error), str(path))
