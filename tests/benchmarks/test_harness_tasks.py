"""A task written for harness is the task: the same requests, read back by ourselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.harness_tasks import single_task, write_for_harness
from ontogeny.core.errors import UsageError
from ontogeny.tasks.build import build_items
from ontogeny.tasks.catalogue import find_tasks

TASK = """
task: lines
dataset_path: text
dataset_kwargs: {data_files: {test: rows.txt, train: more.txt}, columns: [question, answer]}
test_split: test
training_split: train
num_fewshot: 1
output_type: multiple_choice
doc_to_text: "Q: {{question}}"
doc_to_choice: ["yes", "no"]
doc_to_target: answer
metric_list: [acc, {metric: acc_norm}]
metadata: {version: 1, source: nowhere}
"""


def test_the_written_task_asks_the_same(tmp_path: Path) -> None:
    (tmp_path / "lines.yaml").write_text(TASK)
    (tmp_path / "rows.txt").write_text("Is it?\n1\nWas it?\n0\n")
    (tmp_path / "more.txt").write_text("Will it be?\n0\nAre you?\n1\n")
    task = single_task(str(tmp_path / "lines.yaml"), tmp_path, None)
    folder = tmp_path / "written"
    folder.mkdir()
    written = write_for_harness(task, folder, called="lines-1shot")
    (again,) = find_tasks(str(written)).tasks
    assert [item.requests for item in build_items(again).items] == [
        item.requests for item in build_items(task).items
    ]
    values = json.loads(written.read_text())
    assert values["task"] == "lines-1shot" and values["dataset_path"] == "json" and "metadata" not in values
    assert values["metric_list"] == [{"metric": "acc"}, {"metric": "acc_norm"}]


def test_a_member_of_a_group_is_named_by_both(tmp_path: Path) -> None:
    assert single_task("mmlu/mmlu_anatomy", tmp_path, None).name == "mmlu_anatomy"
    with pytest.raises(UsageError, match="not one task"):
        single_task("mmlu", tmp_path, None)
