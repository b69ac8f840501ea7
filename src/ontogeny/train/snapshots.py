"""Snapshots of the model during training: complete folders, of Hugging Face's form or another, each whole or absent.

    kept/000500/    config.json  model.safetensors  tokenizer.json ...

They are written under a temporary name, made durable and renamed. One that is no longer wanted is removed only after a
checkpoint that does not want it: whatever is killed when, a resumed run has the snapshots of one that was not.
"""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from torch import Tensor

from ontogeny.core.files import disk_errors, sync_folder, sync_tree
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.checkpoint import as_os_error
from ontogeny.train.config_watching import Keep
from ontogeny.train.loop import StepResult, TrainState
from ontogeny.train.sharded import whole_copy
from ontogeny.train.snapshot_folders import SNAPSHOTS_FOLDER, snapshot_name

UNFINISHED = ".unfinished-"


class Form(Protocol):
    """How a model in training lies in a folder."""

    def write(self, model: Transformer, folder: Path) -> None:
        """Write `model` into `folder`, complete."""

    def read_back(self, model: Transformer, folder: Path) -> None:
        """Make `model` what was written."""


@dataclass(frozen=True)
class WholeModel:
    """A Hugging Face folder."""

    tokenizer: Tokenizer | None

    def write(self, model: Transformer, folder: Path) -> None:
        """All weights, and the tokenizer where there is one."""
        huggingface.save(model, folder, tokenizer=self.tokenizer)

    @torch.no_grad()
    def read_back(self, model: Transformer, folder: Path) -> None:
        """All weights, and the context and RoPE of the phase that they were measured in."""
        stored = huggingface.load(folder, str(model.device))
        weights = stored.state_dict()
        for name, weight in model.state_dict().items():
            weight.copy_(weights[name])
        model.change_context(stored.config)


class Snapshots:
    """A hook that keeps the model every `keep.every` steps, and the best so far; a part of checkpoints."""

    def __init__(self, folder: Path, keep: Keep, *, form: Form, steps: int) -> None:
        self._folder, self._keep, self._form, self._steps = folder, keep, form, steps
        self._step = 0
        self._lowest = math.inf
        self.best_step = 0
        """The step with the lowest held-out loss so far; 0 before the first measurement or where nobody asked."""
        self._wanted_before: set[int] = set()

    def after_step(self, state: TrainState, result: StepResult) -> None:
        """Write a snapshot where one is due; the last step's is the model itself."""
        self._step = result.step
        loss = result.figures.get("held_out_loss")
        improved = self._keep.best and loss is not None and loss < self._lowest
        if improved:
            assert loss is not None
            self._lowest, self.best_step = loss, result.step
        if (improved or self._is_due(result.step)) and result.step != self._steps and not state.ended:
            self._write(state.model, result.step)

    def finish(self, model: Transformer, step: int) -> int:
        """End a run after `step`: give `model` the best weights where that is asked for, and keep the last then.

        Returns the step whose weights `model` has.
        """
        if not self.best_step or self.best_step == step:
            return step
        self._write(model, step)
        self._form.read_back(model, self._path(self.best_step))
        return self.best_step

    def publish(self, payload: Path, *, model_step: int, last_step: int) -> None:
        """Put the snapshots into a payload; that of `model_step` is the payload itself."""
        wanted = self._wanted(last_step) | {last_step}
        for step in sorted(wanted & set(self._steps_there())):
            if step != model_step:
                _link_tree(self._path(step), payload / SNAPSHOTS_FOLDER / snapshot_name(step))

    def tensors(self) -> dict[str, Tensor]:
        """Nothing large: the weights lie in folders of their own."""
        return {}

    def state(self) -> dict[str, Any]:
        """Where the run is and which step was best. Removes what neither this nor the last checkpoint wants."""
        wanted = self._wanted(self._step)
        for step in set(self._steps_there()) - wanted - self._wanted_before:
            shutil.rmtree(self._path(step), ignore_errors=True)
        self._wanted_before = wanted
        lowest = self._lowest if math.isfinite(self._lowest) else None
        return {"step": self._step, "lowest": lowest, "best_step": self.best_step}

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any] | None) -> None:
        """Go back to a checkpoint, or to the beginning: what was kept after it is made again.

        Raises:
            ValueError: a snapshot that the checkpoint wants is not there.
        """
        saved = state or {"step": 0, "lowest": None, "best_step": 0}
        self._step, self.best_step = saved["step"], saved["best_step"]
        self._lowest = math.inf if saved["lowest"] is None else saved["lowest"]
        self._wanted_before = self._wanted(self._step)
        for leftover in self._folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        there = set(self._steps_there())
        for step in there:
            if step > self._step:
                shutil.rmtree(self._path(step), ignore_errors=True)
        missing = sorted(self._wanted_before - there - {self._step})
        if missing:
            raise ValueError(f"{self._path(missing[0])} is missing")

    def _is_due(self, step: int) -> bool:
        return self._keep.every is not None and step % self._keep.every == 0

    def _wanted(self, step: int) -> set[int]:
        """The steps before or at `step` whose snapshots are to stay, the run's last apart."""
        wanted = {self.best_step} if self.best_step else set()
        if self._keep.every is not None:
            every = self._keep.every
            regular = range(every, step + 1, every)
            wanted |= set(regular if self._keep.newest is None else regular[-self._keep.newest :])
        return wanted

    def _write(self, model: Transformer, step: int) -> None:
        """Write a snapshot, whole or not at all.

        Raises:
            ArtifactError: the disk is full or cannot be written; what was there before is still there.
        """
        whole = whole_copy(model)
        if whole is None:
            return  # the first process writes
        unfinished, finished = self._folder / f"{UNFINISHED}{snapshot_name(step)}", self._path(step)
        with disk_errors(f"keeping the model of step {step}"):
            try:
                shutil.rmtree(unfinished, ignore_errors=True)
                try:
                    self._form.write(whole, unfinished)
                except SafetensorError as error:
                    raise as_os_error(error, unfinished) from error
                sync_tree(unfinished)
                shutil.rmtree(finished, ignore_errors=True)
                unfinished.rename(finished)
                sync_folder(self._folder)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise

    def _path(self, step: int) -> Path:
        return self._folder / snapshot_name(step)

    def _steps_there(self) -> list[int]:
        return [int(path.name) for path in self._folder.glob("[0-9]*") if path.is_dir()]


def _link_tree(source: Path, target: Path) -> None:
    """`source` again as `target`: the same files by another name, or copies where the file system has no links."""
    try:
        shutil.copytree(source, target, copy_function=os.link)
    except (OSError, shutil.Error):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
