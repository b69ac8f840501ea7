"""What a task file says, checked: the keys of lm-evaluation-harness that are read here.

A key that harness knows and we do not serve is refused with the reason; one that neither knows is refused with the
nearest name. Code in task files (`!function`) is not run, so a key that holds any is refused too.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.core.files import digest_json
from ontogeny.tasks.requests import OutputType
from ontogeny.tasks.source import Place, TaskFile, code_in

MAX_GENERATED_TOKENS = 256  # harness's default
FORMATS = ("json", "csv", "parquet", "text")
"""Of `dataset_path`: kinds of local files; every other name would be one of a hub."""

SUFFIXES = {
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".txt": "text",
}  # fmt: skip
"""Kinds of files whose path may stand for `dataset_path` itself, by suffix."""

NOT_SERVED = {
    "custom_dataset": "data comes from files: `dataset_path: json` with `dataset_kwargs: {data_files: ...}`",
    "doc_to_image": "models here read text only",
    "doc_to_audio": "models here read text only",
    "use_prompt": "prompts come from doc_to_text, doc_to_target and doc_to_choice",
    "process_results": "scores come from metric_list",
    "process_docs": "documents are used as the data has them; prepare them in the file, or in the templates",
    "class": "tasks written as Python classes are not run",
}
WITHOUT_EFFECT = {
    "dataset_name": "files have no configurations",
    "unsafe_code": "generated code is isolated or refused by the metric that runs it",
    "should_decontaminate": "contamination is looked for in every evaluation whose model has a known corpus",
    "doc_to_decontamination_query": "contamination is looked for in the text of the item",
}
"""Keys that are read and change nothing, and why: users are told."""

PROMPTS = "prompts"  # key of `metadata`
Text = str | int | list[Any]


class _Checked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Metric(_Checked):
    """A metric by name; harness's `aggregation` and `higher_is_better` are compared with ours, the rest are options."""

    metric: str
    aggregation: str | None = None
    higher_is_better: bool | None = None
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"metric": given}
        if not isinstance(given, dict):
            return given
        own = {key: value for key, value in given.items() if key in cls.model_fields}
        rest = {
            key: value for key, value in given.items() if key not in cls.model_fields and key != "hf_evaluate"
        }
        return own | {"options": {**own.get("options", {}), **rest}}


class Pipeline(_Checked):
    """Filters that prepare what a model wrote for the metrics; each pipeline gives results of its own."""

    name: str
    filter: tuple[dict[str, Any], ...] = Field(min_length=1)


class Generation(_Checked):
    """How a model writes: until a stop text, or `max_gen_toks` tokens. Temperature counts only where it samples."""

    until: tuple[str, ...] | None = None
    max_gen_toks: PositiveInt = MAX_GENERATED_TOKENS
    do_sample: bool | None = None
    temperature: float = Field(0.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: PositiveInt | None = None

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        renamed = dict(given)
        for name in ("max_new_tokens", "max_tokens", "max_completion_tokens"):
            if name in renamed:
                renamed.setdefault("max_gen_toks", renamed.pop(name))
                renamed.pop(name, None)
        if isinstance(renamed.get("until"), str):
            renamed["until"] = [renamed["until"]]
        return renamed

    @field_validator("until")
    @classmethod
    def _stops_are_texts(cls, until: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if until is None else tuple(stop for stop in until if stop)

    @property
    def heat(self) -> float:
        """The temperature that holds: none where `do_sample` is false."""
        return 0.0 if self.do_sample is False else self.temperature


class FewShot(_Checked):
    """How examples are chosen and written, where that differs from the items."""

    sampler: Literal["default", "first_n"] = "default"
    split: str | None = None
    samples: tuple[dict[str, Any], ...] | None = None
    doc_to_text: str | int | None = None
    doc_to_target: Text | None = None
    doc_to_choice: str | list[Any] | dict[str, Any] | None = None
    gen_prefix: str | None = None
    fewshot_delimiter: str | None = None
    target_delimiter: str | None = None


class DataFiles(_Checked):
    """Where rows come from. The last five are ours."""

    data_files: str | list[str] | dict[str, str | list[str]]
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    column_names: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = Field(None, min_length=1)
    """Of `text`: this many successive lines make a row, one value each. By default each line is a row's `text`."""
    begins: str | None = Field(None, min_length=1)
    """Of `text`: a line that this pattern matches from its first to its last character begins a row; its lines are one
    text, and what stands before the first such line belongs to the first row."""
    encoding: str | None = None
    """Of `text` that is not UTF-8."""
    rename: dict[str, str] = {}
    """Names for columns whose own are no names that a template can use: the file's by ours."""
    beside: dict[str, str] = {}
    """Columns that lie in files of their own, a line for each row: a path by the column's name."""

    @model_validator(mode="after")
    def _text_is_cut_one_way(self) -> DataFiles:
        if self.begins is not None and self.columns is not None:
            raise ValueError("columns and begins are two ways to make rows of lines; give one")
        try:
            re.compile(self.begins or "")
        except re.error as error:
            raise ValueError(f"begins is no regular expression: {error}") from error
        try:
            codecs.lookup(self.encoding or "utf-8")
        except LookupError as error:
            raise ValueError(f"there is no encoding {self.encoding!r}; e.g. latin-1, windows-1252") from error
        return self


class TaskDefinition(_Checked):
    """A task: which rows, what is asked about each, and how answers are judged. Names are harness's."""

    task: str = Field(pattern=r"^[^/\s]+$")
    task_alias: str | None = None
    tag: str | list[str] | None = None
    dataset_path: str
    dataset_name: str | None = None
    dataset_kwargs: DataFiles
    training_split: str | None = None
    validation_split: str | None = None
    test_split: str | None = None
    fewshot_split: str | None = None
    description: str = ""
    doc_to_text: str | int = ""
    doc_to_target: Text = ""
    doc_to_choice: str | list[Any] | dict[str, Any] | None = None
    fewshot_delimiter: str = "\n\n"
    target_delimiter: str = " "
    gen_prefix: str | None = None
    num_fewshot: int | None = Field(None, ge=0)
    fewshot_config: FewShot = FewShot()
    output_type: OutputType = "generate_until"
    generation_kwargs: Generation = Generation()
    metric_list: tuple[Metric, ...] = ()
    filter_list: tuple[Pipeline, ...] = ()
    repeats: PositiveInt = 1
    should_decontaminate: bool = False
    doc_to_decontamination_query: str | None = None
    unsafe_code: bool = False
    metadata: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _nulls_are_absent(cls, given: Any) -> Any:
        return (
            {key: value for key, value in given.items() if value is not None}
            if isinstance(given, dict)
            else given
        )

    @model_validator(mode="after")
    def _fits_together(self) -> TaskDefinition:
        if self.test_split is None and self.validation_split is None:
            raise ValueError("it needs a test_split or a validation_split: which rows are asked")
        if self.output_type == "multiple_choice" and self.doc_to_choice is None:
            raise ValueError("multiple_choice needs doc_to_choice: a field, a template or a list of choices")
        if isinstance(self.doc_to_choice, list):
            named = [str(choice) for choice in self.doc_to_choice]
            if doubled := [choice for choice in named if named.count(choice) > 1]:
                raise ValueError(f"doc_to_choice names {doubled[0]!r} twice")
        if "doc_to_target" not in self.model_fields_set:
            raise ValueError("doc_to_target is missing: a field or a template of what is right")
        if "doc_to_text" not in self.model_fields_set and self.output_type != "loglikelihood_rolling":
            raise ValueError(
                "doc_to_text is missing: a field or a template of what is asked; where nothing stands before what is "
                'scored, write doc_to_text: ""'
            )
        if self.output_type == "loglikelihood_rolling" and self.num_fewshot:
            raise ValueError("loglikelihood_rolling scores whole texts; it takes no examples (num_fewshot)")
        return self

    @field_validator("metadata")
    @classmethod
    def _prompts_are_texts(cls, metadata: dict[str, Any]) -> dict[str, Any]:
        prompts = metadata.get(PROMPTS, [])
        if not isinstance(prompts, list) or not all(isinstance(one, str) and one for one in prompts):
            raise ValueError("`prompts` is a list of templates, other wordings of doc_to_text")
        return metadata

    @property
    def split(self) -> str:
        """The split whose rows are asked."""
        split = self.test_split or self.validation_split
        assert split is not None, "checked above"
        return split

    @property
    def examples_split(self) -> str:
        """The split that examples come from: the one given, else training, validation, test."""
        return (
            self.fewshot_config.split or self.fewshot_split or self.training_split or self.validation_split
        ) or self.split

    @property
    def version(self) -> str:
        """The version that the file states; empty where it states none."""
        return str(self.metadata.get("version", ""))

    @property
    def prompts(self) -> tuple[str, ...]:
        """Paraphrases of `doc_to_text`, from `metadata`, where other readers of the file take no offence at them."""
        return tuple(self.metadata.get(PROMPTS, ()))

    @property
    def digest(self) -> str:
        """Of everything that decides about requests and scores, names and remarks left out."""
        remarks = {"task", "task_alias", "tag", "metadata", "dataset_name", *WITHOUT_EFFECT}
        kept = self.model_dump(mode="json", exclude=remarks)
        more = {PROMPTS: self.prompts} if self.prompts else {}
        return digest_json(kept | {"cluster": self.metadata.get("cluster")} | more)


def definition_of(file: TaskFile, values: Mapping[str, Any] | None = None) -> TaskDefinition:
    """The task in `file`, or the one of `values` that came out of it.

    Raises:
        RecipeError: names the line, what is wrong there, and what would be right.
    """
    given = dict(file.values if values is None else values)
    _refuse_code(file, given)
    for key, reason in NOT_SERVED.items():
        if given.get(key) is not None:
            raise RecipeError(
                f"{key!r} is not supported: {reason}", where=file.where((key,)), hint=f"remove {key}"
            )
    if (local := _local_file(given.get("dataset_path"))) is not None:
        given |= {
            "dataset_path": local,
            "dataset_kwargs": {"data_files": given["dataset_path"], **(given.get("dataset_kwargs") or {})},
        }
    _refuse_hub(file, given)
    try:
        return TaskDefinition.model_validate(given)
    except ValidationError as error:
        raise _in_words(error, file) from error


def notes_of(file: TaskFile) -> list[str]:
    """What the user should know about keys that change nothing."""
    return [
        f"{file.where((key,))}: {key} has no effect here: {reason}"
        for key, reason in WITHOUT_EFFECT.items()
        if file.values.get(key)
    ]


def _refuse_code(file: TaskFile, given: Mapping[str, Any]) -> None:
    if (found := code_in(dict(given))) is None:
        return
    place, code = found
    key = str(place[0])
    other = f"; {NOT_SERVED[key]}" if key in NOT_SERVED else "; write it as a template"
    raise RecipeError(
        f"{'.'.join(map(str, place))} is code (`!function {code.name}`), and code in task files is not run{other}",
        where=file.where(place),
        hint="or run the task in lm-evaluation-harness itself: `pip install ontogeny[lm-eval]`",
    )  # fmt: skip


def _local_file(path: object) -> str | None:
    """The kind of file that `dataset_path` names, where it is the path of one."""
    if not isinstance(path, str) or path in FORMATS:
        return None
    suffixes = PurePath(path).suffixes[-2:]
    return next((SUFFIXES[suffix] for suffix in suffixes if suffix in SUFFIXES), None)


def _refuse_hub(file: TaskFile, given: Mapping[str, Any]) -> None:
    path = given.get("dataset_path")
    if path is None or not isinstance(path, str) or path in FORMATS:
        return
    source = given.get("metadata", {}) if isinstance(given.get("metadata"), dict) else {}
    more = f" ({source['source']})" if "source" in source else ""
    raise RecipeError(
        f"dataset_path {path!r} would be fetched from a hub; tasks here read local files{more}."
        + nearest(path, FORMATS),
        where=file.where(("dataset_path",)),
        hint="save it as a file, then write `dataset_path: json` (or csv, parquet, text) and "
        "`dataset_kwargs: {data_files: {test: FILE}}`",
    )


def _in_words(error: ValidationError, file: TaskFile) -> RecipeError:
    """The first mistake with its remedy, the others a line each."""
    mistakes = [_mistake(details, file) for details in error.errors()]
    where, text, hint = mistakes[0]
    others = [f"{other_where}: {other}" for other_where, other, _ in mistakes[1:]]
    return RecipeError("\n".join([text, *others]), where=where, hint=hint)


def _mistake(details: Any, file: TaskFile) -> tuple[str, str, str | None]:
    location: Place = tuple(details["loc"])
    place = tuple(
        part for part in location if not isinstance(part, str) or part.isidentifier() or part == "class"
    )
    name = str(location[-1]) if location else ""
    model = _model_at(location[:-1])
    keys = sorted(model.model_fields)
    listed = f"keys there: {', '.join(keys)}"
    if details["type"] == "extra_forbidden":
        return file.where(place), f"unknown key {name!r}.{nearest(name, keys)}", listed
    if details["type"] == "missing":
        parent = ".".join(map(str, location[:-1]))
        return file.where(place[:-1]), f"{name!r} is missing{f' in {parent}' if parent else ''}", listed
    message = (
        str(details["msg"]).removeprefix("Value error, ").replace("Tuple should have", "List should have")
    )
    message = file.in_its_words(message)
    given = details.get("input")
    shown = f" (got {given!r})" if isinstance(given, (str, int, float, bool)) else ""
    label = f"{'.'.join(map(str, place))}: " if place else ""
    return file.where(place), f"{label}{message}{shown}", None


def _model_at(location: tuple[str | int, ...]) -> type[BaseModel]:
    models: dict[str, type[BaseModel]] = {
        "dataset_kwargs": DataFiles, "generation_kwargs": Generation, "fewshot_config": FewShot,
        "metric_list": Metric, "filter_list": Pipeline,
    }  # fmt: skip
    names = [part for part in location if part in models]
    return models[str(names[-1])] if names else TaskDefinition
