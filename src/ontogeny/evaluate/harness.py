"""Tasks that lm-evaluation-harness runs itself, on our model, for our report: whatever it has, code and all.

Values and errors are harness's, and what it fetches it fetches; so no bootstrap, no pairing and no gate of ours. Its
log of samples becomes our items. Answers are kept like those of every other suite.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ontogeny.core.errors import UsageError
from ontogeny.core.files import digest_file, digest_json
from ontogeny.core.progress import Progress
from ontogeny.evaluate.scores import ItemRow, ItemScore, Reported, Scores
from ontogeny.evaluate.subject import Reader, Subject
from ontogeny.evaluate.suites import LmEvalSuite

NO_FILTER = "none"
ID_DIGITS = 16


@dataclass(frozen=True)
class Material:
    """How many documents of each task are asked; None for all."""

    limit: int | None


def files_of(suite: LmEvalSuite) -> list[Path]:
    """The user's own task files, with what lies beside them; what harness fetches is in no fingerprint.

    Raises:
        UsageError: the folder is not there.
    """
    if suite.include_path is None:
        return []
    if not suite.include_path.is_dir():
        raise UsageError(
            f"there is no folder {suite.include_path}", hint="include_path is a folder with task files"
        )
    return sorted(path for path in suite.include_path.rglob("*") if path.is_file())


def digest_of(suite: LmEvalSuite) -> str:
    """Of its files and of harness's version.

    Raises:
        UsageError: harness is not installed, or the folder is not there.
    """
    _must_be_installed()
    return digest_json([version("lm_eval"), [digest_file(path) for path in files_of(suite)]])


def prepare(suite: LmEvalSuite, *, limit: int | None) -> Material:
    """Nothing but the limit: harness builds its requests itself.

    Raises:
        UsageError: harness is not installed.
    """
    _must_be_installed()
    return Material(limit)


def score(
    suite: LmEvalSuite, material: Material, reader: Reader, subject: Subject, *, progress: Progress
) -> Scores:
    """Run harness on the model.

    Raises:
        UsageError: harness does not know a task; or as `OntogenyLM`.
    """
    import lm_eval
    from lm_eval.tasks import TaskManager

    from ontogeny.evaluate.lm_eval import OntogenyLM
    from ontogeny.tokenizer.codec import Tokenizer

    manager = TaskManager(include_path=str(suite.include_path) if suite.include_path else None)
    if unknown := [task for task in suite.tasks if not manager.match_tasks([task])]:
        raise UsageError(
            f"lm-evaluation-harness has no task {unknown[0]!r}",
            hint="`lm_eval ls tasks` lists them; files of your own are found through include_path",
        )
    progress.note(f"{suite.name}: {subject.name}: lm-evaluation-harness {version('lm_eval')} asks")
    in_chat = suite.form == "chat"
    found = lm_eval.simple_evaluate(
        model=OntogenyLM(reader, Tokenizer.load(subject.folder), name=subject.name),
        tasks=list(suite.tasks),
        task_manager=manager,
        num_fewshot=suite.num_fewshot,
        limit=material.limit,
        apply_chat_template=in_chat,
        fewshot_as_multiturn=in_chat,
        log_samples=True,
    )
    return Scores(
        suite=suite.name,
        rows=tuple(
            _row(suite, task, samples, subject.name)
            for task, logged in found["samples"].items()
            for samples in _by_document(logged)
        ),
        reported=tuple(_reported(suite.form, found)),
    )


def _must_be_installed() -> None:
    if importlib.util.find_spec("lm_eval") is None:
        raise UsageError(
            "lm-evaluation-harness is not installed",
            hint="pip install 'ontogeny[lm-eval]', or leave suites of type lm-eval out",
        )


def _reported(form: str, found: Mapping[str, Any]) -> Iterator[Reported]:
    """Every value of every task and group, with the error that harness gives."""
    for task, values in {**found["results"], **found.get("groups", {})}.items():
        for key, value in values.items():
            metric, comma, filtered = key.partition(",")
            if not comma or metric.endswith("_stderr") or not isinstance(value, (int, float)):
                continue
            error = values.get(f"{metric}_stderr,{filtered}")
            yield Reported(
                part=task,
                metric=_label(metric, filtered),
                form=form,
                value=float(value),
                stderr=float(error) if isinstance(error, (int, float)) else None,
                n=found["n-samples"].get(task, {}).get("effective", values.get("sample_len", 0)),
            )


def _label(metric: str, filtered: str) -> str:
    return metric if filtered == NO_FILTER else f"{metric},{filtered}"


def _by_document(logged: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The samples of each document: one for each filter."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for sample in logged:
        found.setdefault(sample["doc_id"], []).append(sample)
    return list(found.values())


def _row(suite: LmEvalSuite, task: str, samples: Sequence[Mapping[str, Any]], model: str) -> ItemRow:
    first = samples[0]
    requests: Sequence[Sequence[Any]] = first["arguments"]
    responses = [each[0] for each in first["resps"]]
    texts = tuple(each for each in responses if isinstance(each, str))
    logprobs = [each[0] if isinstance(each, (list, tuple)) else each for each in responses if not texts]
    written = {
        _label(metric, sample["filter"]): sample[metric] for sample in samples for metric in sample["metrics"]
    }
    chooses = len(logprobs) > 1
    return ItemRow(
        suite=suite.name, type=suite.type, model=model, form=suite.form, task=task,
        item=f"{first['doc_hash'][:ID_DIGITS]}-{first['doc_id']}", group=first["doc_hash"][:ID_DIGITS],
        prompt=str(requests[0][0]), choices=tuple(str(each[1]) for each in requests) if chooses else None,
        logprobs=tuple(map(float, logprobs)) or None,
        output=texts[0] if texts else None, outputs=texts or None, reference=str(first["target"]),
        scores=tuple(
            ItemScore(metric=name, top=float(value), bottom=1.0)
            for name, value in written.items()
            if isinstance(value, (int, float))
        ),
    )  # fmt: skip
