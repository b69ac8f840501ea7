"""The one evaluation that both contestants run: a Hugging Face folder, a task file, so many items. Free of packages."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class EvaluateJob:
    """The task `task` lies in `tasks`, a folder of YAML files; `items` are asked a turn."""

    model: str
    tasks: str
    task: str
    items: int
    threads: int

    def arguments(self) -> list[str]:
        """What `job_of_arguments` reads."""
        return [text for name, value in vars(self).items() for text in (f"--{name}", str(value))]


def job_of_arguments(arguments: Sequence[str] | None = None) -> EvaluateJob:
    """The job on the command line, every field by its name."""
    parser = argparse.ArgumentParser()
    for name in EvaluateJob.__dataclass_fields__:
        parser.add_argument(f"--{name}", type=int if name in ("items", "threads") else str, required=True)
    return EvaluateJob(**vars(parser.parse_args(arguments)))
