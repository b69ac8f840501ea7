"""A step to be run by several processes, as a file that each of them reads, and what became of it as another.

FOLDER/job.json        the step, its configuration, inputs and context
FOLDER/outcome.json    what the first process returned, or the first error that any of them met
FOLDER/room            for that error: it can be written there when the disk is full, which is often what it is about
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ontogeny.core import errors, hardware
from ontogeny.core.errors import OntogenyError
from ontogeny.core.files import disk_errors, read_json, write_atomic
from ontogeny.core.progress import Progress, QuietProgress
from ontogeny.core.workers import Executor
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Step, StepConfig
from ontogeny.recipe.table import STEPS

JOB_FILE, OUTCOME_FILE, ROOM_FILE = "job.json", "outcome.json", "room"
ROOM_BYTES = 1 << 16  # more than an error has words


@dataclass(frozen=True)
class Job:
    """Everything that a process needs to know; paths as they are everywhere the processes run."""

    folder: str
    step: str
    config: dict[str, Any]
    inputs: dict[str, str]
    payload: str
    scratch: str
    cache: str | None
    seed: int
    device: str
    workers: int | None
    executor: Executor
    limit: int | None
    external: dict[str, str]

    @classmethod
    def prepare(
        cls,
        step: Step,
        config: StepConfig,
        inputs: Mapping[str, Artifact],
        context: Context,
    ) -> Job:
        """Write the file of a job, beside no outcome."""
        folder = context.scratch / "processes"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / OUTCOME_FILE).unlink(missing_ok=True)
        job = cls(
            folder=str(folder),
            step=step.name,
            config=config.model_dump(mode="json"),
            inputs={role: str(artifact.path) for role, artifact in inputs.items()},
            payload=str(context.payload),
            scratch=str(context.scratch),
            cache=None if context.cache is None else str(context.cache),
            seed=context.seed,
            device=context.device,
            workers=context.workers,
            executor=context.executor,
            limit=context.limit,
            external=dict(context.external),
        )
        write_atomic(job.path, json.dumps(asdict(job)))
        write_atomic(folder / ROOM_FILE, bytes(ROOM_BYTES))
        return job

    @classmethod
    def read(cls, path: Path) -> Job:
        """The job in a file that `prepare` wrote."""
        return cls(**read_json(path))

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.folder) / JOB_FILE

    @property
    def outcome_path(self) -> Path:
        """Where the outcome lies, once there is one."""
        return Path(self.folder) / OUTCOME_FILE

    def run(self, rank: int, progress: Progress) -> Outputs:
        """Run the step as one of the processes: the first writes the payload, the others beside it, for nobody.

        Raises:
            OntogenyError: whatever the step raises.
            OnlyFirstGoesOn: in another process, where training is over.
        """
        payload = Path(self.payload) if rank == 0 else Path(self.folder) / f"payload-{rank}"
        shutil.rmtree(payload, ignore_errors=True)
        payload.mkdir(parents=True)
        step = STEPS[self.step]
        context = Context(
            payload=payload,
            scratch=Path(self.scratch),
            seed=self.seed,
            device=self.device,
            progress=progress if rank == 0 else QuietProgress(),
            workers=self.workers,
            executor=self.executor,
            limit=self.limit,
            cache=None if self.cache is None else Path(self.cache),
            external=self.external,
        )
        inputs = {role: Artifact.open(Path(path)) for role, path in self.inputs.items()}
        try:
            return step.run(step.config.model_validate(self.config), inputs, context)
        finally:
            if rank != 0:
                shutil.rmtree(payload, ignore_errors=True)

    def succeed(self, outputs: Outputs) -> None:
        """Say what the first process returned; memory is that of this process.

        Raises:
            ArtifactError: the disk is full.
        """
        told = TypeAdapter(Outputs).dump_python(outputs, mode="json")
        told["spent"] = {"peak_memory_bytes": float(hardware.peak_memory_bytes()), **told["spent"]}
        with disk_errors("saying what a step came to"):
            write_atomic(self.outcome_path, json.dumps({"outputs": told}))

    def fail(self, error: OntogenyError) -> None:
        """Say what a process met; what another said before stands. A full disk has room for the first."""
        told = {"type": type(error).__name__, "exit_code": error.exit_code}
        told |= {"message": error.message, "where": error.where, "hint": error.hint}
        own = self.outcome_path.with_name(f"failure-{os.getpid()}.json")
        with suppress(FileNotFoundError):  # another process is saying something
            (Path(self.folder) / ROOM_FILE).rename(own)
        with own.open("r+b" if own.exists() else "wb") as file:
            file.write(json.dumps({"error": told}).encode())
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(own, self.outcome_path)
        except FileExistsError:
            pass
        finally:
            own.unlink(missing_ok=True)

    def outcome(self) -> Outputs | None:
        """What the step returned; None where no process came so far.

        Raises:
            OntogenyError: the error that a process met, of the same kind.
        """
        if not self.outcome_path.exists():
            return None
        told = read_json(self.outcome_path)
        if "outputs" in told:
            outputs: Outputs = TypeAdapter(Outputs).validate_python(told["outputs"])
            return outputs
        failure = told["error"]
        kind = getattr(errors, failure["type"], OntogenyError)
        error: OntogenyError = kind(failure["message"], where=failure["where"], hint=failure["hint"])
        error.exit_code = failure["exit_code"]
        raise error
