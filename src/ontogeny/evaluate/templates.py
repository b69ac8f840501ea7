"""Sensitivity to wording: the same items with paraphrases of the task's prompt, each measured.

A single template makes a single draw: accuracies of one model differ by tens of points between prompts that mean the
same (Sclar et al. 2024, arXiv 2310.11324). The task's own wording counts; the others say how much it matters.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from ontogeny.core.errors import UsageError
from ontogeny.evaluate.scores import Scores
from ontogeny.evaluate.suites import TaskSuite
from ontogeny.evaluate.trust import Phrasing, Phrasings
from ontogeny.evaluate.uncertainty import result
from ontogeny.tasks.build import Task

KIND = "prompt-"


def reworded(
    tasks: Sequence[Task], prompts: bool | Sequence[str], *, suite: str
) -> dict[str, tuple[Task, ...]]:
    """The tasks with other wordings, `prompt-2` and on: those of their files, or `prompts` for all of them.

    Raises:
        UsageError: the file of a task lists none.
    """
    if prompts is False:
        return {}
    wordings = [task.definition.prompts if prompts is True else tuple(prompts) for task in tasks]
    for task, own in zip(tasks, wordings, strict=True):
        if not own:
            raise UsageError(
                f"prompts: the file of task {task.name!r} lists no paraphrases of its prompt",
                where=suite,
                hint="write them there, `metadata: {prompts: [...]}`, or here, `prompts: [...]`",
            )
    most = min(len(own) for own in wordings)  # a task of a group with more has no counterpart in the others
    return {
        f"{KIND}{number + 2}": tuple(
            _worded(task, number, own[number], suite=None if prompts is True else suite)
            for task, own in zip(tasks, wordings, strict=True)
        )
        for number in range(most)
    }


def _worded(task: Task, number: int, text: str, *, suite: str | None) -> Task:
    """The task with another wording; a mistake in it is that of the suite which gives it, else of the task's list."""
    word, where = f"prompts.{number}", suite
    if suite is None:
        word, where = f"metadata.{word}", task.file.where(("metadata", "prompts", number))
    definition = task.definition.model_copy(update={"doc_to_text": text})
    return replace(task, definition=definition, file=task.file.with_word("doc_to_text", word, str(where)))


def with_phrasings(scores: Scores, suite: TaskSuite) -> Scores:
    """The scores with the spread of the metric that stands for the task over the wordings among their variants."""
    kinds = [kind for kind in scores.variants if kind.startswith(KIND)]
    if not kinds:
        return scores
    own = suite.tasks().tasks[0].definition
    others = suite.prompts if isinstance(suite.prompts, tuple) else own.prompts
    texts = [str(own.doc_to_text), *others]
    primary = suite.own_primary
    metrics = [next(metric for metric in scores.metrics if metric.name == primary)]
    metrics += [metric for kind in kinds for metric in scores.variants[kind] if metric.name == primary]
    rows = [result(scores.suite, "", metric, label=primary) for metric in metrics]
    values = [row.value for row in rows]
    phrasings = Phrasings(
        metric=primary,
        phrasings=tuple(
            Phrasing(prompt=text, value=row.value, stderr=row.stderr)
            for text, row in zip(texts, rows, strict=False)
        ),
        least=min(values),
        most=max(values),
        deviation=statistics.stdev(values),
    )
    return scores.model_copy(update={"phrasings": phrasings})
