"""The corpus and the questions of the running interpreter, made once for all tests that look at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ontogeny.core.progress import QuietProgress
from ontogeny.core.workers import Executor
from ontogeny.data.step import CURATE, EXAMPLES
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Step
from ontogeny.records.parts import Stored, read_parts
from tests.notes import Notes


@dataclass(frozen=True)
class Made:
    """What a step made."""

    payload: Path
    outputs: Outputs

    def rows(self, split: str | None = None) -> list[Stored]:
        """Its rows, of one split or of both."""
        return [row for row in read_parts(self.payload) if split is None or row["split"] == split]


def run_step(
    step: Step,
    settings: Mapping[str, object],
    folder: Path,
    *,
    seed: int = 7,
    noted: Notes | None = None,
    workers: int | None = None,
    executor: Executor = "local",
    exist_ok: bool = False,
    inputs: Mapping[str, Artifact] | None = None,
) -> Made:
    """Run `step` by itself, as the runner would."""
    config = step.config.model_validate(settings)
    for name in ("payload", "scratch"):
        (folder / name).mkdir(parents=True, exist_ok=exist_ok)
    context = Context(
        payload=folder / "payload",
        scratch=folder / "scratch",
        seed=seed,
        device="cpu",
        progress=noted or QuietProgress(),
        workers=workers,
        executor=executor,
    )
    return Made(context.payload, step.run(config, inputs or {}, context))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """`curate` of the interpreter's documentation."""
    return run_step(CURATE, {"sources": [{"type": "python-docs"}]}, tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Questions and answers about it."""
    settings: dict[str, object] = {"source": {"type": "python-docs-questions"}, "task": "instruct"}
    return run_step(EXAMPLES, settings, tmp_path_factory.mktemp("conversations"))


@pytest.fixture(scope="session")
def choices(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Multiple choice about it."""
    settings: dict[str, object] = {"source": {"type": "python-docs-questions"}, "task": "multiple-choice"}
    return run_step(EXAMPLES, settings, tmp_path_factory.mktemp("choices"))
