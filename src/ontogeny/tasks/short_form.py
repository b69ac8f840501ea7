"""The short form of a task file, for tasks of one's own: a few keys that stand for those of lm-evaluation-harness.

type: multiple-choice              type: generate                     type: continuation      type: perplexity
data: questions.jsonl              data: sums.csv                     data: stories.jsonl     data: texts.jsonl
question: "Q: {{question}}\\nA:"    question: "{{a}} + {{b}} ="        question: beginning     text: text
choices: options                   answer: sum                        answer: last_word
answer: right                      until: "\\n"
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.tasks.definition import SUFFIXES, Metric
from ontogeny.tasks.source import TaskFile

SPLIT, EXAMPLES_SPLIT = "test", "examples"


class _Short(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str | None = None
    """Its name; the file's by default."""
    data: str
    """A file: JSON lines, JSON, CSV, Parquet or text (a line each); relative to the task file."""
    examples: int = Field(0, ge=0)
    """How many solved ones stand before each question."""
    examples_data: str | None = None
    """Where those come from; the data itself by default, without the question at hand."""
    description: str = ""
    """What stands before everything."""
    metrics: tuple[Metric, ...] = ()
    """What is measured; what the type usually measures by default."""
    cluster: str | None = None
    """A field or template: items for which it is the same belong together (one passage, one author)."""
    source: str | None = None
    """Where the data comes from, for whoever does not have it."""


class MultipleChoice(_Short):
    """Which of several choices the model finds likeliest."""

    type: Literal["multiple-choice"]
    question: str
    choices: str | list[str]
    answer: str | int


class Generate(_Short):
    """What the model writes."""

    type: Literal["generate"]
    question: str
    answer: str
    until: str | tuple[str, ...] = "\n"
    max_tokens: PositiveInt = 64
    temperature: float = Field(0.0, ge=0)
    repeats: PositiveInt = 1


class Continuation(_Short):
    """How likely the right continuation is, and whether the model would have written it."""

    type: Literal["continuation"]
    question: str
    answer: str


class Perplexity(_Short):
    """How likely whole texts are."""

    type: Literal["perplexity"]
    text: str = "text"


Short = Annotated[MultipleChoice | Generate | Continuation | Perplexity, Field(discriminator="type")]
TYPES: dict[str, type[_Short]] = {
    "multiple-choice": MultipleChoice, "generate": Generate, "continuation": Continuation, "perplexity": Perplexity,
}  # fmt: skip


WORDS = {
    "doc_to_text": "question", "doc_to_choice": "choices", "doc_to_target": "answer", "dataset_kwargs": "data",
    "num_fewshot": "examples", "fewshot_split": "examples_data", "metric_list": "metrics",
}  # fmt: skip
"""What the short form calls keys of harness."""


def is_short(file: TaskFile) -> bool:
    """Whether the file is in the short form: it has a `type`, or `data` where harness has `dataset_path`."""
    return "type" in file.values or ("data" in file.values and "dataset_path" not in file.values)


def lengthened(file: TaskFile) -> dict[str, Any]:
    """The keys of harness that the short form stands for.

    Raises:
        RecipeError: an unknown key, a missing or wrong value; names the line.
    """
    short = _checked(file)
    suffix = next((SUFFIXES[one] for one in SUFFIXES if one in short.data), None)
    if suffix is None:
        raise RecipeError(
            f"cannot tell how to read {short.data!r}", where=file.where(("data",)),
            hint=f"its name should end in one of {', '.join(SUFFIXES)}, compressed or not",
        )  # fmt: skip
    files = {SPLIT: short.data}
    if short.examples_data is not None:
        files[EXAMPLES_SPLIT] = short.examples_data
    metadata = {"source": short.source, "cluster": short.cluster}
    return {
        "task": short.task or file.path.stem,
        "dataset_path": suffix,
        "dataset_kwargs": {"data_files": files},
        "test_split": SPLIT,
        "fewshot_split": EXAMPLES_SPLIT if short.examples_data is not None else SPLIT,
        "num_fewshot": short.examples,
        "description": short.description,
        "metric_list": [metric.model_dump(exclude_defaults=True) for metric in short.metrics] or None,
        "metadata": {key: value for key, value in metadata.items() if value is not None},
        **_asked(short),
    }


def in_short_words(file: TaskFile) -> TaskFile:
    """The file, for errors about the keys that it stands for: told in its own words, at their lines."""
    target = {"doc_to_target": "text"} if file.values.get("type") == "perplexity" else {}
    return replace(file, words=WORDS | target)


def _asked(short: _Short) -> dict[str, Any]:
    if isinstance(short, MultipleChoice):
        asked = {"doc_to_text": short.question, "doc_to_choice": short.choices, "doc_to_target": short.answer}
        return {"output_type": "multiple_choice", **asked}
    if isinstance(short, Generate):
        generation = {
            "until": short.until,
            "max_gen_toks": short.max_tokens,
            "temperature": short.temperature,
        }
        return {
            "output_type": "generate_until", "doc_to_text": short.question, "doc_to_target": short.answer,
            "generation_kwargs": generation, "repeats": short.repeats,
        }  # fmt: skip
    if isinstance(short, Continuation):
        answer = f"{{{{{short.answer}}}}}" if short.answer.isidentifier() else short.answer
        # harness puts no delimiter before the text that it scores
        return {"output_type": "loglikelihood", "doc_to_text": short.question, "doc_to_target": f" {answer}"}
    assert isinstance(short, Perplexity)
    return {"output_type": "loglikelihood_rolling", "doc_to_text": "", "doc_to_target": short.text}


def _checked(file: TaskFile) -> _Short:
    kind = str(file.values.get("type", ""))
    if kind not in TYPES:
        raise RecipeError(
            f"unknown type of task {kind!r}.{nearest(kind, TYPES)}" if kind else "`type` is missing",
            where=file.where(("type",)), hint=f"types are {', '.join(TYPES)}",
        )  # fmt: skip
    try:
        adapter: TypeAdapter[_Short] = TypeAdapter(Short)
        return adapter.validate_python(file.values)
    except ValidationError as error:
        details = error.errors()[0]
    keys = sorted(TYPES[kind].model_fields)
    place = tuple(part for part in details["loc"] if part != kind)
    name = str(place[-1]) if place else ""
    if details["type"] == "extra_forbidden":
        what = f"unknown key {name!r}.{nearest(name, keys)}"
    elif details["type"] == "missing":
        what, place = f"{name!r} is missing", place[:-1]
    else:
        what = f"{'.'.join(map(str, place))}: {details['msg']}"
    raise RecipeError(what, where=file.where(place), hint=f"keys of {kind}: {', '.join(keys)}")
