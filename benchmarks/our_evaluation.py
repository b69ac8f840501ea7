"""Our contestant in the evaluation benchmark: what the step `evaluate` does with a task, its cache of answers aside.

What is timed reads the task file and its data, builds the requests, asks the model, judges every item and adds up.
"""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.peers.evaluate_job import EvaluateJob, job_of_arguments
from benchmarks.peers.turns import Turns
from ontogeny.core.progress import QuietProgress
from ontogeny.evaluate import task
from ontogeny.evaluate.subject import ModelReader
from ontogeny.evaluate.suites import TaskSuite
from ontogeny.inference.loading import load_model


def main() -> None:
    job, turns = job_of_arguments(), Turns()
    torch.set_num_threads(job.threads)
    loaded = load_model(Path(job.model), "cpu")
    reader = ModelReader(loaded, name="model")
    evaluate(reader, job, items=2)
    turns.announce(
        parameters=sum(each.numel() for each in loaded.model.parameters()),
        versions={"torch": torch.__version__},
    )
    while True:
        turns.wait()
        value = evaluate(reader, job, items=job.items)
        turns.done(items=job.items, value=value)


def evaluate(reader: ModelReader, job: EvaluateJob, *, items: int) -> float:
    """The value of the task's first metric."""
    suite = TaskSuite.model_validate({"task": str(Path(job.tasks, f"{job.task}.yaml"))})
    material = task.prepare(suite, limit=items, progress=QuietProgress())
    scores = task.score(suite, material, reader, model="model", seed=0, progress=QuietProgress())
    return scores.metrics[0].value


if __name__ == "__main__":
    main()
