"""lm-evaluation-harness on tasks from files: every metric, and the raw response to every request.

python -m benchmarks.peers.lm_eval.parity_worker FOLDER

`FOLDER/plan.json` says which model, which tasks of `FOLDER/tasks`, how many items of each and whether in chat; the
answers go to `FOLDER/harness.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import lm_eval
import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager


def main() -> None:
    folder = Path(sys.argv[1])
    plan = json.loads((folder / "plan.json").read_text())
    torch.set_num_threads(plan["threads"])
    model = HFLM(pretrained=plan["model"], device="cpu", dtype="float32", batch_size=plan["batch_size"])
    manager = TaskManager(include_path=str(folder / "tasks"), include_defaults=False)
    answers = {one["task"]: evaluated(model, manager, one) for one in plan["tasks"]}
    (folder / "harness.json").write_text(json.dumps(answers))


def evaluated(model: HFLM, manager: TaskManager, one: dict[str, Any]) -> dict[str, Any]:
    """Results by harness's names (`metric,filter`), and of each item the responses in the order of its requests."""
    found = lm_eval.simple_evaluate(
        model=model,
        tasks=[one["task"]],
        task_manager=manager,
        limit=one["limit"],
        apply_chat_template=one["chat"],
        fewshot_as_multiturn=one["chat"],
        bootstrap_iters=0,
        log_samples=True,
    )
    results = {
        name: value for name, value in found["results"][one["task"]].items() if isinstance(value, float)
    }
    samples = {sample["doc_id"]: sample["resps"] for sample in found["samples"][one["task"]]}
    return {"results": results, "responses": [samples[number] for number in sorted(samples)]}


if __name__ == "__main__":
    main()
