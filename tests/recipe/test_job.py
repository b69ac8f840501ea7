"""A job and what becomes of it: results and errors cross from one process to another as they are."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ontogeny.core.errors import ArtifactError, DataError, OntogenyError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.lineage.manifest import Verdict
from ontogeny.lineage.step import Context, Outputs
from ontogeny.recipe import launch
from ontogeny.recipe.job import ROOM_BYTES, ROOM_FILE, Job
from ontogeny.train.step import PRETRAIN, PretrainConfig

CONFIG = PretrainConfig.model_validate(
    {
        "tokens": "tokens",
        "model": {"d_model": 16, "n_layers": 2, "n_heads": 2},
        "train": {"steps": 30, "processes": 2},
    }
)


def make_context(folder: Path) -> Context:
    return Context(folder / "payload", folder, 7, "cpu", QuietProgress(), external={"a": "blake3:b"})


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    job = Job.prepare(PRETRAIN, CONFIG, {}, make_context(tmp_path))
    assert Job.read(job.path) == job
    assert PretrainConfig.model_validate(job.config) == CONFIG
    assert job.outcome() is None


def test_outputs_come_back(tmp_path: Path) -> None:
    verdict = Verdict(gate="g", passed=False, reason="r", model_digest="m", suite_digest="s", blocks=("x",))
    outputs = Outputs({"loss": 1.5, "none": None}, (verdict,), ("MIT",), "2026-01-01", {"tokens": 3.0})
    job = Job.prepare(PRETRAIN, CONFIG, {}, make_context(tmp_path))
    job.succeed(outputs)
    found = job.outcome()
    assert found is not None
    assert found.spent.pop("peak_memory_bytes") > 0
    assert found == outputs


def test_the_first_error_comes_back_as_it_was(tmp_path: Path) -> None:
    job = Job.prepare(PRETRAIN, CONFIG, {}, make_context(tmp_path))
    job.fail(UsageError("what was wrong", where="here", hint="do this"))
    job.fail(DataError("what followed from it"))
    with pytest.raises(UsageError) as caught:
        job.outcome()
    error = caught.value
    assert (error.message, error.where, error.hint, error.exit_code) == (
        "what was wrong",
        "here",
        "do this",
        2,
    )
    Job.prepare(PRETRAIN, CONFIG, {}, make_context(tmp_path))
    assert job.outcome() is None, "a new attempt begins without an outcome"


def test_an_error_needs_no_room_that_a_full_disk_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job.prepare(PRETRAIN, CONFIG, {}, make_context(tmp_path))
    room = (Path(job.folder) / ROOM_FILE).stat()
    assert room.st_blocks * 512 >= ROOM_BYTES, "taken from the disk beforehand"

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ontogeny.recipe.job.write_atomic", refuse)
    with pytest.raises(
        ArtifactError, match="No space left on device while saying what a step came to"
    ) as full:
        job.succeed(Outputs({}))
    job.fail(full.value)
    assert job.outcome_path.stat().st_ino == room.st_ino
    with pytest.raises(ArtifactError, match="No space left on device"):
        job.outcome()


def test_processes_that_die_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(processes: int, job: Job, logs: Path, environment: dict[str, str]) -> int:
        (logs / "1").mkdir(parents=True)
        (logs / "1" / "stderr.log").write_text("Traceback\nMemoryError: too large\n\n")
        return 1

    monkeypatch.setattr(launch, "_torchrun", die)
    with pytest.raises(
        OntogenyError, match=r"died 4 times .* the last words were: MemoryError: too large"
    ) as caught:
        launch.run_together(PRETRAIN, CONFIG, {}, make_context(tmp_path))
    assert "train.recompute: true" in str(caught.value.hint)
    assert caught.value.where == str(tmp_path / "processes" / "logs")
