"""Earlier runs on the same kind of device correct the formulas; others do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ontogeny.estimate.calibration import NEAR, Calibration, calibrate
from ontogeny.estimate.devices import GPUS, Device, cpu
from ontogeny.estimate.phases import Phase, mean_speed
from ontogeny.estimate.setup import TrainingSetup
from ontogeny.lineage.manifest import Manifest
from ontogeny.model.config import ModelShape

PROCESSOR = cpu(matmul_flops=1e11, memory_bytes=8e9)
CONFIG = ModelShape(d_model=128, n_layers=4, n_heads=4, d_ff=384, seq_len=256).resolve(512)


def phases(device: Device = PROCESSOR, rows: int = 8) -> tuple[Phase, ...]:
    return (Phase(TrainingSetup(CONFIG, device, seq_len=256, micro_batch=rows, batch_rows=rows)),)


def manifest(version: int = 1, **changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "kind": "model",
        "recipe": "r",
        "step": "base",
        "version": version,
        "step_type": "pretrain",
        "step_version": 1,
        "config": {},
        "inputs": (),
        "external_files": {},
        "fingerprint": "f",
        "files": (),
        "digest": "d",
        "metrics": {"steps": 100, "tokens_per_second": 1000.0},
        "verdicts": (),
        "seed": 0,
        "started": "",
        "ended": "",
        "device": "cpu",
        "threads": 2,
        "hardware": {"processor": "this one"},
        "packages": {},
        "revision": None,
        "licenses": (),
        "knowledge_cutoff": None,
        "spent": {},
        "ledger_head": "",
    }
    return Manifest.model_validate(values | changes)


def calibrated(*manifests: Manifest, asked: tuple[Phase, ...] = phases()) -> Calibration:
    runs = [(each, phases()) for each in manifests]
    return calibrate(runs, asked, processor="this one", threads=2)


def test_a_run_corrects_the_formulas_to_what_it_measured() -> None:
    found = calibrated(manifest())
    assert mean_speed(phases(), correction=found.factor).tokens_per_second == pytest.approx(1000)
    assert found.runs == ("r/base@1",)
    assert found.source.startswith("times are from formulas, held against what was measured in r/base@1: 0.")
    assert found.brief == "formulas and 1 run"


def test_a_run_in_phases_counts_with_all_of_them() -> None:
    run = (Phase(phases()[0].setup, 1e6), Phase(replace(phases()[0].setup, batch_rows=64), 3e6))
    found = calibrate([(manifest(), run)], phases(), processor="this one", threads=2)
    assert found.factor == pytest.approx(1000 / mean_speed(run).tokens_per_second)


def test_the_newest_five_count() -> None:
    slow = [manifest(version, metrics={"steps": 100, "tokens_per_second": 1.0}) for version in (1, 2)]
    fast = [manifest(version) for version in range(3, 8)]
    found = calibrated(*slow, *fast)
    assert found.factor == pytest.approx(calibrated(manifest()).factor)
    assert "r/base@6 and r/base@7" in found.source
    assert found.brief == "formulas and 5 runs"


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": 8},
        {"hardware": {"processor": "another"}},
        {"device": "cuda"},
        {"step_type": "finetune"},
        {"metrics": {"steps": 3, "tokens_per_second": 1.0}},
        {"metrics": {"steps": 100}},
    ],
)
def test_others_do_not_count(changes: dict[str, Any]) -> None:
    found = calibrated(manifest(**changes))
    assert found == Calibration("cpu")
    assert found.brief == "formulas"
    assert "a small model may take several times as long" in found.source


@pytest.mark.parametrize(("rows", "counts"), [(8 * NEAR, True), (8 * NEAR + 1, False)])
def test_a_run_of_another_size_does_not_count(rows: float, counts: bool) -> None:
    assert bool(calibrated(manifest(), asked=phases(rows=int(rows))).runs) == counts


def test_a_run_in_another_type_does_not_count() -> None:
    rounded = tuple(replace(phase, setup=replace(phase.setup, rounded=True)) for phase in phases())
    assert not calibrated(manifest(), asked=rounded).runs
    assert calibrate([(manifest(), rounded)], rounded, processor="this one", threads=2).runs


def test_a_gpu_is_known_by_its_name() -> None:
    run = manifest(device="cuda", hardware={"processor": "any", "accelerator": "NVIDIA H100 80GB HBM3"})
    slower = replace(GPUS["h100"], network_bandwidth=1e9)
    for device, counts in ((GPUS["h100"], True), (slower, True), (GPUS["h200"], False)):
        found = calibrate([(run, phases(device))], phases(device), processor="this one", threads=2)
        assert bool(found.runs) == counts
        assert ("within 25%" in found.source) != counts
