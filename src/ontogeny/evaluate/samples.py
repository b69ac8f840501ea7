"""What a model writes when it is left alone: to given prompts, and to held-out questions drawn before anyone looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ontogeny.core.errors import DataError
from ontogeny.core.progress import Progress
from ontogeny.core.seeds import derive_seed, numpy_generator
from ontogeny.evaluate.scores import ItemRow, Scores
from ontogeny.evaluate.subject import Reader
from ontogeny.evaluate.suites import SamplesSuite
from ontogeny.records.parts import part_paths, read_parts
from ontogeny.tasks.multiple_choice import Form, Prompt


@dataclass(frozen=True, slots=True)
class Question:
    """Something to answer, and the reference answer where there is one."""

    id: str
    group: str
    text: str
    reference: str | None


@dataclass(frozen=True)
class Material:
    """The questions drawn from data, then the given prompts."""

    questions: tuple[Question, ...]


def prepare(suite: SamplesSuite, folder: Path | None, *, name: str, limit: int | None, seed: int) -> Material:
    """Draw the questions; `limit` caps those drawn from data.

    Raises:
        DataError: the data has no held-out question.
    """
    drawn: list[Question] = []
    if folder is not None:
        found = sorted(_held_out(folder, name), key=lambda question: question.id)
        if not found:
            raise DataError(
                "no held-out question to draw samples from",
                where=name, hint="raise held_out_fraction in the step that made it, or leave `data` out of the suite",
            )  # fmt: skip
        count = min(suite.n, len(found), suite.n if limit is None else limit)
        places = numpy_generator(seed, "samples", suite.name).choice(len(found), size=count, replace=False)
        drawn = [found[place] for place in sorted(places.tolist())]
    given = [
        Question(f"prompt-{number}", f"prompt-{number}", text, None)
        for number, text in enumerate(suite.prompts)
    ]
    return Material((*drawn, *given))


def score(
    suite: SamplesSuite,
    material: Material,
    reader: Reader,
    *,
    model: str,
    form: Form,
    seed: int,
    progress: Progress,
) -> Scores:
    """Let the model write; the seed of each sample depends on its place only, so models share it."""
    rows = []
    with progress.bar(f"{suite.name}: {model}", total=len(material.questions), unit="samples") as bar:
        for place, question in enumerate(material.questions):
            written = reader.write(
                Prompt(form, question.text), max_new_tokens=suite.max_new_tokens, temperature=suite.temperature,
                top_p=suite.top_p, seed=derive_seed(seed, "sample", suite.name, place),
            )  # fmt: skip
            rows.append(
                ItemRow(
                    suite=suite.name, type=suite.type, model=model, form=form, item=question.id, group=question.group,
                    prompt=question.text, reference=question.reference, output=written.text,
                    finish_reason=written.finish_reason,
                )
            )  # fmt: skip
            bar.advance()
    return Scores(suite=suite.name, rows=tuple(rows))


def _held_out(folder: Path, name: str) -> list[Question]:
    """Questions of instruct data (what precedes the last answer) or of multiple-choice data."""
    import pyarrow.parquet as pq

    known = set(pq.read_schema(part_paths(folder)[0]).names)
    if "messages" not in known and "prompt" not in known:
        raise DataError(
            "these examples hold no questions: neither `messages` nor `prompt`",
            where=name, hint="name an `examples` step with `task: instruct` or `task: multiple-choice`",
        )  # fmt: skip
    content = ["messages"] if "messages" in known else ["prompt", "choices", "gold"]
    rows = read_parts(folder, ["doc_id", "group", "split", *content])
    return [_question(row) for row in rows if row["split"] == "held_out"]


def _question(row: Mapping[str, Any]) -> Question:
    identity = (str(row["doc_id"]), str(row["group"]))
    if "messages" not in row:
        return Question(*identity, str(row["prompt"]), str(row["choices"][row["gold"]]))
    messages = row["messages"]
    users = [message["content"] for message in messages if message["role"] == "user"]
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    return Question(*identity, users[0] if users else "", answers[0] if answers else None)
