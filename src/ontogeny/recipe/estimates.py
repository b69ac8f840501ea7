"""What a plan says of steps that would run: time, memory and disk, each with where that is from.

measured in R/S@2         an earlier version of the step did the same work on this machine
scaled from R/S@2         it trained on this machine, and formulas tell how much more or less work there is now
formulas and 5 runs       a training step without an earlier version: formulas, corrected by what runs here measured
R/S@2, other settings     what that version took, which may be far from what this one will
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from ontogeny.core import hardware
from ontogeny.estimate.calibration import Calibration, calibrate, same_device
from ontogeny.estimate.devices import AMX_GAIN, GPUS, Device, cpu, gpu_called
from ontogeny.estimate.memory import RESERVED_BYTES, model_bytes, training_memory
from ontogeny.estimate.phases import Phase, largest, run_seconds
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.fingerprint import material
from ontogeny.lineage.manifest import Manifest
from ontogeny.lineage.step import Step, StepConfig
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.plan import Planned
from ontogeny.recipe.schema import Recipe
from ontogeny.recipe.sizes import TRAINING_STEPS, Sizes, Untold, sizes_of, sizes_of_run

FORMULAS = "formulas"
NOTHING = "no run to go by"
WITHOUT_COST = {
    "optimizer",  # its kind is part of the setup
    "schedule",
    "clip_grad_norm",
    "skip_outliers",
    "early_stopping",
    "z_loss",
    "log_every",
    "checkpoint_seconds",
    "trackers",
}
"""Settings of `train` that hardly change how long a run takes."""


def fill_estimates(planned: Iterable[Planned], recipe: Recipe, workspace: Workspace, *, device: str) -> None:
    """Say of every step that would run what it will need, as far as that can be told. Measures nothing."""
    here = Here(workspace, device)
    for one in planned:
        if one.status != "reused":
            one.estimate = _estimate(one, recipe, here)


class Here:
    """A workspace and a kind of device on this machine: what ran there, and how fast it was."""

    def __init__(self, workspace: Workspace, kind: str) -> None:
        self.workspace, self.kind = workspace, kind
        said = hardware.describe()
        self._processor, self._memory_bytes = str(said["processor"]), float(said["memory_bytes"])

    @cached_property
    def models(self) -> list[Artifact]:
        """All models that are still there, oldest first."""
        rows = [row for row in self.workspace.rows() if row.kind in ("model", "adapter")]
        folders = [self.workspace.folder(row.name) for row in rows]
        return [Artifact.open(folder) for folder in folders if folder.exists()]

    @cached_property
    def known(self) -> Device | None:
        """The device, with the rate that the newest run on it measured; None where none did."""
        for artifact in reversed(self.models):
            manifest = artifact.manifest
            rate = manifest.metrics.get("matmul_flops_per_second")
            if manifest.device != self.kind or not isinstance(rate, (int, float)):
                continue
            if self.kind == "cuda":
                found = gpu_called(str(manifest.hardware.get("accelerator", "")))
            else:
                here = manifest.hardware.get("processor") == self._processor
                rounded = manifest.config.get("train", {}).get("dtype") == "bfloat16"
                found = self._cpu(rate / AMX_GAIN if rounded else rate) if here else None
            if found is not None:
                return found
        return None

    @cached_property
    def device(self) -> Device:
        """`known`, or a stand-in of its kind for what depends on no rate."""
        return self.known or (self._cpu(1.0) if self.kind == "cpu" else next(iter(GPUS.values())))

    def measured(self, manifest: Manifest) -> bool:
        """Whether what a manifest says was measured on this device."""
        return same_device(manifest, self.device, processor=self._processor, threads=hardware.thread_count())

    def calibration(self, asked: Sequence[Phase], device: Device) -> Calibration:
        """What earlier runs say of the formulas for a run like the one `asked` about, on `device`."""
        runs = [
            (artifact.manifest, sizes.phases(device))
            for artifact in self.models
            if (sizes := sizes_of_run(artifact.manifest, artifact.path)) is not None
        ]
        return calibrate(runs, asked, processor=self._processor, threads=hardware.thread_count())

    def newest(self, recipe: str, step: str) -> Artifact | None:
        """The newest version of a step that is still there."""
        for row in reversed(self.workspace.rows()):
            if (row.recipe, row.step) == (recipe, step) and (
                folder := self.workspace.folder(row.name)
            ).exists():
                return Artifact.open(folder)
        return None

    def _cpu(self, rate: float) -> Device:
        return cpu(matmul_flops=rate, memory_bytes=self._memory_bytes)


@dataclass(frozen=True)
class Spent:
    """What a step takes."""

    seconds: float | None
    memory_bytes: float | None
    disk_bytes: float | None

    def told(self, source: str) -> dict[str, Any]:
        """As a plan says it."""
        return {
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "memory_bytes": None if self.memory_bytes is None else round(self.memory_bytes),
            "disk_bytes": None if self.disk_bytes is None else round(self.disk_bytes),
            "cost": None,
            "source": source,
        }


def _estimate(one: Planned, recipe: Recipe, here: Here) -> dict[str, Any]:
    """What is known best of a step: measured, scaled, computed, or of a version that differs."""
    node = one.node
    earlier = here.newest(recipe.name, node.name)
    if earlier is not None and earlier.manifest.step_type != node.step.name:
        earlier = None  # another kind of step had its name
    if node.step.name in TRAINING_STEPS:
        trained = _of_training(one, recipe, here, earlier)
        if trained is not None:
            return trained
    if earlier is None:
        return {"source": NOTHING}
    spent, difference = _spent(earlier), _difference(earlier.manifest, one, here)
    return spent.told(
        f"measured in {earlier.name}" if difference is None else f"{earlier.name}, {difference}"
    )


def _spent(artifact: Artifact) -> Spent:
    """What making an artifact took."""
    manifest = artifact.manifest
    spent = {name: float(cost["value"]) for name, cost in manifest.spent.items()}
    seconds, trained = spent.get("seconds"), manifest.metrics.get("seconds")
    if seconds is not None and isinstance(trained, (int, float)):
        seconds = max(seconds, trained)  # after a resume the first is that of the last attempt alone
    memory, tensors = spent.get("peak_memory_bytes"), manifest.metrics.get("peak_memory_bytes")
    if manifest.device == "cuda" and isinstance(tensors, (int, float)):
        memory = tensors + RESERVED_BYTES["cuda"]  # the GPU's, as formulas tell it; the first is the host's
    return Spent(seconds, memory, sum(file.bytes for file in manifest.files))


def _difference(earlier: Manifest, one: Planned, here: Here) -> str | None:
    """Why what an earlier version took may not be what this step will take; None where nothing speaks for that."""
    if not here.measured(earlier):
        return "other machine"
    if not _same_settings(earlier, one.node.step, one.node.config):
        return "other settings"
    return _other_inputs(earlier, one)


def _other_inputs(earlier: Manifest, one: Planned) -> str | None:
    if one.inputs is None:
        return "inputs may differ"
    recorded = {each.role: each.digest for each in earlier.inputs}
    same = recorded == {role: artifact.digest for role, artifact in one.inputs.items()}
    return None if same else "other inputs"


def _same_settings(earlier: Manifest, step: Step, config: StepConfig) -> bool:
    try:
        recorded = step.config.model_validate(earlier.config)
    except ValidationError:  # written by another version
        return False
    return material(recorded) == material(config) and recorded.processes == config.processes


def _of_training(one: Planned, recipe: Recipe, here: Here, earlier: Artifact | None) -> dict[str, Any] | None:
    """What a training step will take: as its `earlier` version did, scaled, where that ran on this machine.

    Else memory and disk by formulas and, where runs have measured this machine, time. None where its size cannot be
    told, or its length only by what `earlier` took.
    """
    try:
        sizes = sizes_of(recipe, one.node.name, here.workspace)
    except Untold:
        return None
    phases = sizes.phases(here.device)
    if earlier is not None and here.measured(earlier.manifest):
        if sizes.steps is None:
            return None
        before = sizes_of_run(earlier.manifest, earlier.path)
        if before is not None:
            same = _same_work(before, sizes) and _other_inputs(earlier.manifest, one) is None
            spent = _scaled(earlier, before.phases(here.device), phases)
            return spent.told(f"{'measured in' if same else 'scaled from'} {earlier.name}")
    if here.known is None or run_seconds(phases) is None:
        return Spent(None, *_needed(phases)).told(FORMULAS)
    calibration = here.calibration(phases, here.known)
    seconds = run_seconds(phases, correction=calibration.factor)
    return Spent(seconds, *_needed(phases)).told(calibration.brief)


def _needed(phases: Sequence[Phase]) -> tuple[float, float]:
    """Memory and disk, by formulas."""
    setup = largest(phases)
    return training_memory(setup).peak + RESERVED_BYTES[setup.device.kind], model_bytes(setup)


def _scaled(earlier: Artifact, before: Sequence[Phase], now: Sequence[Phase]) -> Spent:
    """What `earlier` took, with its training longer or shorter as the formulas say, and what surrounds it as it was."""
    spent, trained = _spent(earlier), float(earlier.manifest.metrics.get("seconds", 0.0))
    then_seconds, now_seconds = run_seconds(before), run_seconds(now)
    assert then_seconds is not None  # both know their steps
    assert now_seconds is not None
    seconds = None if spent.seconds is None else spent.seconds + trained * (now_seconds / then_seconds - 1)
    (then_memory, then_disk), (now_memory, now_disk) = _needed(before), _needed(now)
    memory = None if spent.memory_bytes is None else max(spent.memory_bytes + now_memory - then_memory, 0)
    disk = None if spent.disk_bytes is None else max(spent.disk_bytes + now_disk - then_disk, 0)
    return Spent(seconds, memory, disk)


def _same_work(before: Sizes, now: Sizes) -> bool:
    """Whether two runs take as long, whatever their rates and their text."""
    return _work(before) == _work(now)


def _work(sizes: Sizes) -> tuple[object, ...]:
    train = sizes.train
    return (
        sizes.config,
        sizes.seq_len,
        sizes.steps,
        train.optimizer.type,
        sizes.lora_rank,
        sizes.base,
        train.model_dump(exclude=WITHOUT_COST),
    )
