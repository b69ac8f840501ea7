"""What earlier runs measured, against what the formulas say of them: one factor for this kind of device.

    factor = geometric mean, over the newest runs, of tokens a second in their manifests / as estimated

Only `pretrain` runs on the same device count: the same GPU, or the same processor with as many threads and products
rounded or not. And only those of about the size that is asked about, since small products reach less of what a device
can do: a step of 0.4 GFLOP reached a quarter of the estimated speed on two cores, one of 8 GFLOP more than half.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ontogeny.estimate.devices import Device, gpu_called
from ontogeny.estimate.phases import Phase, largest, mean_speed
from ontogeny.estimate.speed import model_flops_per_token
from ontogeny.lineage.manifest import Manifest

RUNS = 5
"""Newest runs that count."""
LEAST_STEPS = 20
"""Shorter runs measured mostly how long it takes to get warm."""
NEAR = 30.0
"""How many times more or fewer operations at once a run may have had."""


@dataclass(frozen=True)
class Calibration:
    """How much faster than the formulas say this kind of device was, and in which runs."""

    kind: Literal["cuda", "cpu"]
    factor: float = 1.0
    runs: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where the times come from, in a sentence."""
        if self.runs:
            return (
                f"times are from formulas, held against what was measured in {_listed(self.runs)}: "
                f"{self.factor:.2f} of the speed that they say"
            )
        alone = "times are from formulas alone, since no run of about this size has measured this kind of device here"
        if self.kind == "cpu":
            return f"{alone}; a small model may take several times as long"
        return f"{alone}; published runs lie within 25% of them"

    @property
    def brief(self) -> str:
        """The same in a table."""
        if not self.runs:
            return "formulas"
        return f"formulas and {len(self.runs)} run{'s' if len(self.runs) > 1 else ''}"


def calibrate(
    runs: Iterable[tuple[Manifest, Sequence[Phase]]],
    asked: Sequence[Phase],
    *,
    processor: str,
    threads: int,
) -> Calibration:
    """The factor for what is `asked`, by the newest of `runs` (oldest first, each with its phases on that device)."""
    device = asked[0].setup.device
    found: list[tuple[str, float]] = []
    for manifest, phases in runs:
        measured = manifest.metrics.get("tokens_per_second")
        if (
            manifest.step_type == "pretrain"
            and phases[0].setup.rounded == asked[0].setup.rounded
            and same_device(manifest, device, processor=processor, threads=threads)
            and int(manifest.metrics.get("steps", 0)) >= LEAST_STEPS
            and isinstance(measured, (int, float))
            and measured > 0
            and 1 / NEAR <= _operations(phases) / _operations(asked) <= NEAR
        ):
            found.append((manifest.name, measured / mean_speed(phases).tokens_per_second))
    newest = found[-RUNS:]
    if not newest:
        return Calibration(device.kind)
    mean = math.exp(sum(math.log(ratio) for _, ratio in newest) / len(newest))
    return Calibration(device.kind, mean, tuple(name for name, _ in newest))


def _operations(phases: Sequence[Phase]) -> float:
    """What is computed at once, forward and backward, on one device."""
    setup = largest(phases)
    return model_flops_per_token(setup) * setup.tokens_at_once


def same_device(manifest: Manifest, device: Device, *, processor: str, threads: int) -> bool:
    """Whether what a manifest measured was measured on this kind of device."""
    if manifest.device != device.kind:
        return False
    if device.kind == "cpu":
        return manifest.hardware.get("processor") == processor and manifest.threads == threads
    found = gpu_called(str(manifest.hardware.get("accelerator", "")))
    return found is not None and found.name == device.name


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
