"""Tasks of ours as lm-evaluation-harness reads them: the same definition, its rows as JSON lines beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ontogeny.core.errors import UsageError
from ontogeny.tasks.build import Task
from ontogeny.tasks.catalogue import find_tasks
from ontogeny.tasks.data import read_split


def single_task(name: str, data: Path, num_fewshot: int | None) -> Task:
    """The task of that name, or in that file; of a group `GROUP/TASK` its member."""
    group, _, member = (name, "", "") if name.endswith(".yaml") else name.partition("/")
    found = find_tasks(group, root=data, num_fewshot=num_fewshot).tasks
    chosen = [task for task in found if task.name == (member or task.name)]
    if len(chosen) != 1:
        raise UsageError(f"{name!r} is not one task")
    return chosen[0]


def write_for_harness(task: Task, folder: Path, *, called: str) -> Path:
    """Write `folder/CALLED.yaml` and its data; both programs read the file."""
    files = {}
    for split in task.splits:
        path = folder / f"{called}-{split}.jsonl"
        rows = read_split(task.definition, split, task.place)
        path.write_text("".join(json.dumps(row.values) + "\n" for row in rows), encoding="utf-8")
        files[split] = str(path)
    values = task.definition.model_dump(mode="json", exclude_unset=True)
    values |= {"task": called, "dataset_path": "json", "dataset_kwargs": {"data_files": files}}
    values["metric_list"] = [_metric(one) for one in values.get("metric_list", [])]
    if not values["metric_list"]:
        del values["metric_list"]
    values.pop("metadata", None)
    written = folder / f"{called}.yaml"
    written.write_text(json.dumps(values, indent=1), encoding="utf-8")  # JSON is YAML
    return written


def _metric(values: dict[str, Any]) -> dict[str, Any]:
    """As harness has it: options beside the name."""
    return {**{key: value for key, value in values.items() if key != "options"}, **values.get("options", {})}
