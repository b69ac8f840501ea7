"""lm-evaluation-harness's `simple_evaluate` with its Hugging Face backend in float32, at its best batch size.

Tasks are found once. What is timed builds the requests, asks the model and adds up; errors by bootstrap and logged
samples, which ours always has, are left out.
"""

from __future__ import annotations

import time
from dataclasses import replace

import lm_eval
import torch
import transformers
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from benchmarks.peers.evaluate_job import EvaluateJob, job_of_arguments
from benchmarks.peers.turns import Turns

BATCH_SIZES = (1, 4, 16)
TRIED = 2
"""Of the items of a turn this part tells which batch size is best."""


def main() -> None:
    job, turns = job_of_arguments(), Turns()
    torch.set_num_threads(job.threads)
    model = HFLM(pretrained=job.model, device="cpu", dtype="float32", batch_size=1)
    manager = TaskManager(include_path=job.tasks, include_defaults=False)
    evaluate(model, manager, replace(job, items=2), BATCH_SIZES[0])
    tried = {size: seconds(model, manager, job, size) for size in BATCH_SIZES}
    best = min(tried, key=lambda size: tried[size])
    turns.announce(
        batch_size=best,
        seconds_by_batch_size=tried,
        versions={
            "lm_eval": lm_eval.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    )
    while True:
        turns.wait()
        value = evaluate(model, manager, job, best)
        turns.done(items=job.items, value=value)


def seconds(model: HFLM, manager: TaskManager, job: EvaluateJob, batch_size: int) -> float:
    started = time.perf_counter()
    evaluate(model, manager, replace(job, items=max(1, job.items // TRIED)), batch_size)
    return time.perf_counter() - started


def evaluate(model: HFLM, manager: TaskManager, job: EvaluateJob, batch_size: int) -> float:
    """The value of the task's first metric."""
    model.batch_size_per_gpu = batch_size
    found = lm_eval.simple_evaluate(
        model=model,
        tasks=[job.task],
        task_manager=manager,
        limit=job.items,
        bootstrap_iters=0,
        log_samples=False,
    )
    values = [value for value in found["results"][job.task].values() if isinstance(value, float)]
    return float(values[0])


if __name__ == "__main__":
    main()
