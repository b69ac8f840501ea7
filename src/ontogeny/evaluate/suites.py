"""What a user writes about suites of measurements.

suites:
  - {type: bits-per-byte, data: corpus}
  - {type: multiple-choice, name: questions, data: choices, primary: acc}
  - {type: samples, data: questions, prompts: ["def "], n: 8}
  - {type: task, task: hellaswag, data_root: ./data}
  - {type: lm-eval, tasks: [arc_easy, gsm8k]}
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from ontogeny.core.errors import nearest
from ontogeny.evaluate.config_judge import Judging
from ontogeny.lineage.step import Immaterial, Ref, Settings
from ontogeny.tasks.multiple_choice import RULES, Rule
from ontogeny.tasks.result_names import ALL_ROTATIONS, PREFERRED, PREFERRED_AT_EQUAL_LENGTH

if TYPE_CHECKING:
    from ontogeny.tasks.catalogue import Tasks

ROTATED_RULE = "acc"
Form = Literal["auto", "chat", "plain"]
"""How a model is asked. `auto`: a model that was tuned to converse in chat; any other in both forms, and what is
reported first is the form in which it does better for a baseline, the plain one for the model under evaluation."""


class _Suite(Settings):
    """What a suite tells of itself, for gates: nothing, where a kind of suite does not say otherwise."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what it measures."""
        return ()

    @property
    def shares(self) -> tuple[str, ...]:
        """Of these, what lies between 0 and 1."""
        return ()

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of its items that have results of their own; one that ends in `=` has a value of the data behind it."""
        return ()


class BitsPerByteSuite(_Suite):
    """How well the model predicts held-out documents, beside what `xz -9e` makes of the same bytes."""

    type: Literal["bits-per-byte"] = "bits-per-byte"
    name: str = Field("bits-per-byte", pattern=r"^[^/\s]+$")
    """What it is called in metrics, gates and reports."""
    data: Annotated[str, Ref("corpus")]
    """Whose held-out documents are scored."""
    window: PositiveInt | None = None
    """Tokens the model sees at once; its context length when not given."""
    stride: PositiveInt | None = None
    """Tokens that the window moves; half of it when not given. Smaller is slower and fairer to the model."""
    max_bytes: PositiveInt | None = None
    """Stop at this many bytes of documents; all held-out documents when not given."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what it measures."""
        return ("bits_per_byte",)

    @property
    def primary(self) -> str:
        """The metric that stands for the suite."""
        return "bits_per_byte"


class MultipleChoiceSuite(_Suite):
    """Which of several choices the model finds likeliest."""

    type: Literal["multiple-choice"] = "multiple-choice"
    name: str = Field("multiple-choice", pattern=r"^[^/\s]+$")
    """What it is called in metrics, gates and reports."""
    data: Annotated[str, Ref("examples")]
    """Whose held-out items are asked."""
    form: Form = "auto"
    """How the model is asked. auto: in chat if it was tuned to converse, else in all ways it can be asked."""
    primary: Rule = "acc"
    """The rule that stands for the suite; choose it before looking at results."""
    n: PositiveInt | None = None
    """Items to ask; all held-out ones when not given."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what it measures."""
        return RULES

    @property
    def shares(self) -> tuple[str, ...]:
        """All of them."""
        return RULES


class SamplesSuite(_Suite):
    """What the model writes, shown as it is, good and bad alike: to read, not to score."""

    type: Literal["samples"] = "samples"
    name: str = Field("samples", pattern=r"^[^/\s]+$")
    """What it is called in metrics, gates and reports."""
    prompts: tuple[str, ...] = ()
    """Texts to go on with."""
    data: Annotated[str, Ref("examples")] | None = None
    """Questions with reference answers; held-out ones are drawn from it at random."""
    n: PositiveInt = 8
    """Questions to draw from `data`."""
    form: Form = "auto"
    """How the model is asked. auto: in chat if it was tuned to converse, else as plain text."""
    max_new_tokens: PositiveInt = 96
    """Longest answer."""
    temperature: float = Field(0.0, ge=0)
    """0 takes the likeliest token at each place."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability."""

    @model_validator(mode="after")
    def _has_something_to_ask(self) -> SamplesSuite:
        if not self.prompts and self.data is None:
            raise ValueError("samples need prompts: [...], or data: with questions")
        return self


class TaskSuite(_Suite):
    """A task, or a group of them, from a file: lm-evaluation-harness's YAML, a short form of our own, or a shipped one.

    Of a group each task has results of its own too, under `NAME/TASK`.
    """

    type: Literal["task"] = "task"
    task: str
    """A shipped task's name, or the path of a YAML file."""
    name: str = Field(pattern=r"^[^/\s]+$")
    """What it is called in metrics, gates and reports; the task's name when not given."""
    data_root: Annotated[Path | None, Immaterial()] = None
    """The folder that `${DATA}` in the task's paths stands for."""
    num_fewshot: int | None = Field(None, ge=0)
    """Solved examples before each item; what the task file says when not given."""
    form: Literal["plain", "chat"] = "plain"
    """plain: as text to go on with. chat: through the model's chat template, examples as turns."""
    n: PositiveInt | None = None
    """Items to ask of each task, spread over its data; all when not given."""
    primary: str
    """The metric that stands for the suite; what a judge says, or the first that the task measures, when not given."""
    slices: tuple[str, ...] = ()
    """Parts with results of their own: `language`, `length` (thirds), `source`, or `field:NAME` of the data."""
    perturb: tuple[Literal["typos", "case", "capitals", "whitespace"], ...] = ()
    """Ask everything again with flawed questions: typing errors, all small letters, all capitals, odd spaces."""
    rotations: bool = False
    """Ask every item in all rotations of the choices that its prompt lists by letters, and measure how often it is
    right in all of them."""
    prompts: bool | tuple[str, ...] = False
    """Ask everything with other wordings too, and report the spread. true: those that the task file lists in its
    `metadata: {prompts: [...]}`; or templates in place of its doc_to_text."""
    classifier: Annotated[str, Ref("quality-classifier", only_decides=True)] | None = None
    """A step `train-classifier`, or what one made, for metrics of toxicity: `like` were the toxic texts."""
    judge: Judging | None = None
    """A third model that says whose answer is better, the model's or the baseline's."""

    @model_validator(mode="before")
    @classmethod
    def _ask_the_task_file(cls, given: Any) -> Any:
        """The name and the primary metric, where they are not given."""
        if not isinstance(given, dict):
            return given
        if not isinstance(given.get("task"), str):  # the one mistake to be told: nothing follows from no task
            return {"name": "task", "primary": "acc", **given}
        first = PREFERRED if given.get("judge") is not None else _measured(given["task"])[0]
        return {"name": Path(given["task"]).stem, "primary": first, **given}

    @model_validator(mode="after")
    def _primary_is_measured(self) -> TaskSuite:
        if self.primary not in self.metrics:
            raise ValueError(
                f"the task does not measure {self.primary!r}; it measures {', '.join(self.metrics)}."
                + nearest(self.primary, self.metrics)
            )
        return self

    @field_validator("slices", "perturb")
    @classmethod
    def _each_is_named_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if doubled := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"it names {doubled[0]!r} twice")
        return names

    @field_validator("slices")
    @classmethod
    def _slices_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from ontogeny.evaluate.slices import FIELD, SLICES, SOURCE, is_slice

        known = (*SLICES, SOURCE, f"{FIELD}NAME")
        for name in names:
            if not is_slice(name):
                raise ValueError(f"no slice {name!r}; there is {', '.join(known)}.{nearest(name, known)}")
        return names

    @model_validator(mode="after")
    def _rotations_are_judged(self) -> TaskSuite:
        if self.rotations and ROTATED_RULE not in self.measured:
            raise ValueError(f"rotations are judged by {ROTATED_RULE!r}, which the task does not measure")
        return self

    @model_validator(mode="after")
    def _classifier_is_needed(self) -> TaskSuite:
        needed = "classifier" in _needed(self.task)
        if needed and self.classifier is None:
            raise ValueError(
                "the task measures toxicity by a classifier, and none is named; train one with a step "
                "`train-classifier` whose `like` are toxic texts, and write classifier: STEP"
            )
        if self.classifier is not None and not needed:
            raise ValueError("no metric of the task asks a classifier; leave `classifier` out")
        return self

    @model_validator(mode="after")
    def _answers_are_written(self) -> TaskSuite:
        if self.judge is not None and {one.definition.output_type for one in self.tasks().tasks} != {
            "generate_until"
        }:
            raise ValueError(
                "a judge reads what models write, and in this task they choose; leave `judge` out"
            )
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what it measures."""
        return (*self.measured, *self._added)

    @property
    def own_primary(self) -> str:
        """Of what the task measures of each model alone, the metric that stands for it."""
        return self.primary if self.primary in self.measured else self.measured[0]

    @property
    def _added(self) -> tuple[str, ...]:
        """What the suite adds to what the task measures."""
        rotated = (ALL_ROTATIONS,) if self.rotations else ()
        return (*rotated, *((PREFERRED, PREFERRED_AT_EQUAL_LENGTH) if self.judge is not None else ()))

    @property
    def measured(self) -> tuple[str, ...]:
        """Of these, what the task file says."""
        return _measured(self.task)

    @property
    def shares(self) -> tuple[str, ...]:
        """Of what it measures, what lies between 0 and 1."""
        from ontogeny.tasks.answers import judge_of

        measures = [one for task in self.tasks().tasks for one in judge_of(task).measures if one.kind.share]
        return (*dict.fromkeys(label for one in measures for label in one.labels), *self._added)

    @property
    def parts(self) -> tuple[str, ...]:
        """The tasks of a group, and the slices."""
        from ontogeny.evaluate.slices import FIELD, THIRDS

        found = self.tasks()
        names = [task.name for task in found.tasks] if found.is_group else []
        for name in self.slices:
            label = name.removeprefix(FIELD)
            names += [f"{label}={third}" for third in THIRDS] if name == "length" else [f"{label}="]
        return tuple(names)

    def tasks(self) -> Tasks:
        """What the task file says."""
        from ontogeny.tasks.catalogue import find_tasks

        return find_tasks(self.task, root=self.data_root, num_fewshot=self.num_fewshot)


def _needed(task: str) -> frozenset[str]:
    """What the suite has to give, since the task's metrics ask for it."""
    from ontogeny.tasks.answers import judge_of
    from ontogeny.tasks.catalogue import find_tasks

    return frozenset().union(*(judge_of(one).needs for one in find_tasks(task).tasks))


def _measured(task: str) -> tuple[str, ...]:
    from ontogeny.tasks.answers import labels_of
    from ontogeny.tasks.catalogue import find_tasks

    found = find_tasks(task)
    return labels_of(found.tasks, alike=not found.by_size)


class LmEvalSuite(_Suite):
    """Tasks that lm-evaluation-harness runs itself (`pip install ontogeny[lm-eval]`): its values, its errors.

    Each task's results stand under `NAME/TASK`; they are in no gate and no comparison.
    """

    type: Literal["lm-eval"] = "lm-eval"
    tasks: tuple[str, ...] = Field(min_length=1)
    """Tasks, groups or tags by harness's names."""
    name: str = Field("lm-eval", pattern=r"^[^/\s]+$")
    """What it is called in reports."""
    include_path: Annotated[Path | None, Immaterial()] = None
    """A folder with task files of your own, whose content counts. What harness fetches by itself does not."""
    num_fewshot: int | None = Field(None, ge=0)
    """Solved examples before each item; what the task says when not given."""
    form: Literal["plain", "chat"] = "plain"
    """plain: as text to go on with. chat: through the model's chat template, examples as turns."""


Suite = Annotated[
    BitsPerByteSuite | MultipleChoiceSuite | SamplesSuite | TaskSuite | LmEvalSuite,
    Field(discriminator="type"),
]
WITHOUT_METRICS = (SamplesSuite, LmEvalSuite)
"""Suites that have none of ours, and so no primary one."""
