"""Where an evaluation's numbers come from: the code that computed them, the machine, and what was asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ontogeny.core import hardware
from ontogeny.core.files import digest_file, digest_json
from ontogeny.evaluate.runner import Assignment
from ontogeny.evaluate.suites import Suite, TaskSuite
from ontogeny.tasks.data import data_digest


class Made(BaseModel):
    """By what code (its version, and the digest of its files), with which packages, on what machine, from which seed.

    `hardware` is that of the manifest: processor, cores, memory, system, and an accelerator where one computed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    code_digest: str
    packages: dict[str, str]
    hardware: dict[str, str | int]
    device: str
    threads: int
    seed: int


def made_here(*, device: str, seed: int) -> Made:
    """By this process."""
    packages = hardware.package_versions()
    return Made(
        code=f"ontogeny {packages.get('ontogeny', '(not installed)')}",
        code_digest=code_digest(),
        packages={name: version for name, version in packages.items() if name != "ontogeny"},
        hardware=hardware.describe(),
        device=device,
        threads=hardware.thread_count(),
        seed=seed,
    )


def code_digest() -> str:
    """Of every source file of the package: a version alone does not tell what was changed since its release."""
    root = Path(__file__).parents[1]
    return digest_json({str(path.relative_to(root)): digest_file(path) for path in root.rglob("*.py")})


def settings_of(suite: Suite) -> dict[str, Any]:
    """As they were used, wherever the data lies; with the number of examples where all its tasks have as many."""
    settings = suite.model_dump(mode="json", exclude={"data_root", "include_path"})
    if isinstance(suite, TaskSuite):
        examples = {task.num_fewshot for task in suite.tasks().tasks}
        settings["num_fewshot"] = examples.pop() if len(examples) == 1 else None
    return settings


def digests_of(one: Assignment) -> tuple[str, str | None]:
    """Of the task (what is asked, and how answers are judged) and of the data it is asked about."""
    suite = one.suite
    if isinstance(suite, TaskSuite):
        tasks = suite.tasks().tasks
        data = [data_digest(task.definition, task.splits, task.place) for task in tasks]
        return digest_json([task.definition.digest for task in tasks]), digest_json(data)
    asked = suite.model_dump(mode="json", exclude={"name", "data", "include_path"})
    return digest_json(asked), one.source.digest if one.source else None
