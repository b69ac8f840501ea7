"""Task files and their data, written for a test."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ontogeny.tasks.build import Task
from ontogeny.tasks.catalogue import find_tasks

QUESTIONS = [
    {"q": "The sky is", "options": ["blue", "green"], "right": 0, "topic": "air"},
    {"q": "Grass is", "options": ["blue", "green"], "right": 1, "topic": "ground"},
    {"q": "Clouds are", "options": ["white", "round"], "right": "white", "topic": "air"},
]
CHOOSING = """
task: colours
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: q
doc_to_choice: options
doc_to_target: right
"""

Rows = Sequence[dict[str, Any]]
Write = Callable[..., Task]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a task file with its rows, and reads it: `write("doc_to_text: other")` replaces keys of `CHOOSING`."""

    def written(changes: str = "", *, rows: Rows = QUESTIONS, base: str = CHOOSING, **options: Any) -> Task:
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        replaced = {line.partition(":")[0] for line in changes.splitlines() if line[:1].isalpha()}
        kept = [line for line in base.splitlines() if line.partition(":")[0] not in replaced]
        (tmp_path / "task.yaml").write_text("\n".join([*kept, changes]) + "\n")
        (task,) = find_tasks(str(tmp_path / "task.yaml"), **options).tasks
        return task

    return written
