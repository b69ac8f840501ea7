"""docs/settings.md and docs/settings/*.md, made from the models that recipes are checked against, so that pages and
checks never differ.

python docs/generate_settings.py            print them
python docs/generate_settings.py --write    write them

What a key means is the string below its field in the code, or stands in the model's docstring. Models inside a step get
a section of their own, found by walking its fields; those that several steps take stand where the first of them is.
"""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ontogeny.data.rules import Rule
from ontogeny.data.sources import Source
from ontogeny.data.sources.files import FileSource
from ontogeny.lineage.step import marker_of
from ontogeny.recipe.table import STEPS
from ontogeny.train.config import TrainBesideSize

DOCS = Path(__file__).parent
START = "settings.md"
FOLDER = "settings"
MADE = "Made from the models by `docs/generate_settings.py`; a test checks that it is up to date."
PREAMBLE = f"""\
# Settings

Every key that may stand in a recipe, with what it takes and its default. A recipe has a name under `recipe`, a `seed`
(a whole number; default `0`) and `steps`: names of your own, each with a mapping whose `step` is one of those below.
What the steps are for, and how they work together, is told on the pages of the stages.

{MADE}

"""


@dataclass(frozen=True)
class Page:
    """A page of settings: its title, what it is about, and the steps on it."""

    title: str
    about: str
    steps: tuple[str, ...] = ()


PAGES = {
    "data": Page(
        "Curation, examples and classifiers",
        "What the steps of [data](../stages/data.md) take. The types of [sources](sources.md) and of [rules](rules.md) "
        "have pages of their own.",
        ("curate", "examples", "train-classifier"),
    ),
    "sources": Page(
        "Sources",
        "What may stand under `sources` of a step `curate`; how they are read: [data](../stages/data.md).",
    ),
    "rules": Page(
        "Rules",
        "What may stand under `rules` of a step `curate`; how they work together: [data](../stages/data.md).",
    ),
    "tokenizer": Page(
        "Tokenizers and tokens",
        "What the steps of [the tokenizer](../stages/tokenizer.md) take.",
        ("train-tokenizer", "import-tokenizer", "tokenize"),
    ),
    "pretraining": Page(
        "Pretraining",
        "What `pretrain` takes, and with it everything about training; what it is for: "
        "[pretraining](../stages/pretraining.md).",
        ("pretrain",),
    ),
    "finetuning": Page(
        "Fine-tuning",
        "What `finetune` takes; what it is for: [fine-tuning](../stages/finetuning.md).",
        ("finetune",),
    ),
    "evaluation": Page(
        "Evaluation",
        "What `evaluate` takes; what it is for: [evaluation](../stages/evaluation.md).",
        ("evaluate",),
    ),
    "models": Page(
        "Models in and out",
        "What brings models in and writes them for others; which ones: [models by name](../models.md).",
        ("import-model", "export"),
    ),
}
HEADINGS: dict[type[BaseModel], str] = {TrainBesideSize: "`train` beside `size`"}
"""Of models that stand under a key that another one has, too."""
KINDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "mapping",
}
LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
}
NONE = r"\bNone\b"
"""As the code says what a recipe writes as null."""
LEFT_OUT = ("type", "step")
"""They are the heading."""


def main() -> None:
    for name, text in render().items():
        if "--write" in sys.argv[1:]:
            (DOCS / name).parent.mkdir(exist_ok=True)
            (DOCS / name).write_text(text)
        else:
            print(text)


def render() -> dict[str, str]:
    """Every page by its path below docs/."""
    pages = {START: start()}
    for name, page in PAGES.items():
        lines = [f"# {page.title}", "", page.about, "", MADE, ""]
        if name == "sources":
            lines += sources()
        elif name == "rules":
            lines += [line for model in members(Rule) for line in typed(model, keys_of(model, name))]
        for step in page.steps:
            lines += of_step(step, name)
        pages[f"{FOLDER}/{name}.md"] = "\n".join(lines)
    return pages


def start() -> str:
    """The page that leads to the others."""
    rows = ["| step | makes | keys |", "|---|---|---|"]
    for name, page in PAGES.items():
        for step in page.steps:
            rows.append(
                f"| `{step}` | {STEPS[step].output} | [{page.title}]({FOLDER}/{name}.md#{slug(step)}) |"
            )
    rows.append(f"| `curate` | | its [sources]({FOLDER}/sources.md) and its [rules]({FOLDER}/rules.md) |")
    return PREAMBLE + "\n".join(rows) + "\n"


def sources() -> list[str]:
    """A section for each type, without the keys that nearly all have."""
    shared = keys_of(FileSource, "sources")
    lines = ["All but `python-docs` have these keys, and some have more:", "", *shared.values(), ""]
    for model in members(Source):
        own = {name: line for name, line in keys_of(model, "sources").items() if shared.get(name) != line}
        lines += typed(model, own)
    return lines


def of_step(step: str, page: str) -> list[str]:
    """The section of a step, and one for each model that only it, or it first, takes."""
    config = STEPS[step].config
    about = about_model(config).removeprefix(f"Settings of `{step}`.").lstrip()
    lines = [f"## `{step}`", "", *([about, ""] if about else []), *keys_of(config, page).values(), ""]
    own = {model: place for model, place in places().items() if place.step == step}
    for model, place in own.items():
        keys = list(keys_of(model, page).values())
        fuller = next((other for other in own if other is not model and issubclass(other, model)), None)
        if fuller is not None:
            keys = beside(model, fuller, page)
        lines += [f"### {place.heading}", "", about_model(model), "", *keys, ""]
    return lines


def beside(model: type[BaseModel], fuller: type[BaseModel], page: str) -> list[str]:
    """The keys of `model` by what sets them apart from those of `fuller`, which has all of them."""
    own, others = keys_of(model, page), keys_of(fuller, page)
    without = ", ".join(f"`{name}`" for name in others if name not in own)
    lead = f"The keys of {places()[fuller].link(page)} without {without}. Otherwise than there:"
    return [lead, "", *(line for name, line in own.items() if others[name] != line)]


def typed(model: type[BaseModel], keys: Mapping[str, str]) -> list[str]:
    """A heading with its types, what the model says of itself, and its keys."""
    lines = [
        f"## {', '.join(f'`{each}`' for each in types_of(model))}",
        "",
        about_model(model),
        "",
    ]
    return [*lines, *keys.values(), ""] if keys else lines


@dataclass(frozen=True)
class Place:
    """Where a model is described: the page, the step it belongs to there, and the heading."""

    page: str
    step: str | None
    heading: str
    text: str

    def link(self, page: str) -> str:
        """A link from `page`."""
        anchor = f"#{slug(self.heading)}" if self.step is not None else ""
        return f"[{self.text}]({anchor if page == self.page else f'{self.page}.md{anchor}'})"


@functools.cache
def places() -> dict[type[BaseModel], Place]:
    """Where each model is described that a step takes, in the order of the pages."""
    found = {model: Place("sources", None, "", "sources") for model in members(Source)}
    found |= {model: Place("rules", None, "", "rules") for model in members(Rule)}
    for page, about in PAGES.items():
        for step in about.steps:
            paths: dict[type[BaseModel], list[str]] = {}
            for path, model in within(STEPS[step].config):
                if model not in found and path not in paths.setdefault(model, []):
                    paths[model].append(path)
            for model, those in paths.items():
                found[model] = place_of(model, those, page, step)
    return found


def place_of(model: type[BaseModel], paths: Sequence[str], page: str, step: str) -> Place:
    """The place of a model that stands under the keys `paths` of a step."""
    types = ", ".join(f"`{each}`" for each in types_of(model))
    keys = HEADINGS.get(model, ", ".join(f"`{path}`" for path in paths))
    last = HEADINGS.get(model, f"`{paths[0].rpartition('.')[2]}`")
    return Place(page, step, f"{keys}: {types}" if types else keys, types or last)


def within(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """The models that fields of `model` take, and those inside them, with the keys that lead there."""
    for name, info in model.model_fields.items():
        for inner in models_in(info.annotation):
            yield path + key_of(name, info), inner
            yield from within(inner, f"{path}{key_of(name, info)}.")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, however deep."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


def members(union: Any) -> Sequence[type[BaseModel]]:
    """The models of a union that a recipe's `type` chooses from."""
    found: Sequence[type[BaseModel]] = typing.get_args(typing.get_args(union)[0])
    return found


def types_of(model: type[BaseModel]) -> tuple[str, ...]:
    """What `type` says for `model`; nothing where it has none."""
    field = model.model_fields.get("type")
    return typing.get_args(field.annotation) if field is not None else ()


def about_model(model: type[BaseModel]) -> str:
    return re.sub(NONE, "null", inspect.cleandoc(model.__doc__ or ""))


def key_of(name: str, info: FieldInfo) -> str:
    return info.alias or name


def slug(heading: str) -> str:
    """What a heading is called in a link."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def keys_of(model: type[BaseModel], page: str) -> dict[str, str]:
    """A line for each key of `model`: what it takes, its default, and what stands below it in the code."""
    schema = model.model_json_schema()
    said = said_of_fields(model)
    lines = {}
    for name, info in model.model_fields.items():
        if name in LEFT_OUT:
            continue
        about = schema["properties"][key_of(name, info)]
        what = takes(about, schema.get("$defs", {}), page=page, text=named(info))
        default = (
            "required"
            if info.is_required()
            else f"default `{written(info.get_default(call_default_factory=True))}`"
        )
        line = f"- `{key_of(name, info)}`: {what}; {default}."
        lines[name] = f"{line} {re.sub(NONE, 'null', said[name])}" if name in said else line
    return lines


def named(info: FieldInfo) -> str:
    """What a text is: the name of something made before, or just text."""
    marker = marker_of(info)
    return (
        "text"
        if marker is None
        else f"name of a step or artifact ({' or '.join(f'`{kind}`' for kind in marker.kinds)})"
    )


def written(default: Any) -> str:
    """A default as a recipe would say it."""
    if not isinstance(default, BaseModel):
        return json.dumps(default)
    fields = type(default).model_fields
    said = {name: getattr(default, name) for name in fields}
    kept = {
        name: value
        for name, value in said.items()
        if name == "type" or value != fields[name].get_default(call_default_factory=True)
    }
    return f"{{{', '.join(f'{name}: {value}' for name, value in kept.items())}}}"


def takes(about: Mapping[str, Any], models: Mapping[str, Any], *, page: str, text: str = "text") -> str:
    """What a JSON Schema lets stand there, in words; `text` is what its texts are."""
    of: Callable[[Mapping[str, Any]], str] = functools.partial(takes, models=models, page=page, text=text)
    if "$ref" in about:
        return described(about["$ref"].rpartition("/")[2], page)
    if alternatives := about.get("anyOf") or about.get("oneOf"):
        return " or ".join(dict.fromkeys(map(of, alternatives)))
    if "const" in about or "enum" in about:
        return " or ".join(f"`{each}`" for each in about.get("enum", [about.get("const")]))
    if about.get("type") == "array":
        inside = about.get("items") or about.get("prefixItems", [{}])[0]
        count = f" {len(about['prefixItems'])}," if "prefixItems" in about else ""
        return f"list of{count} {'each ' if count else ''}{of(inside)}"
    kind = "path" if about.get("format") == "path" else KINDS.get(about.get("type", ""), text)
    limits = [f"{word} {plain(about[limit])}" for limit, word in LIMITS.items() if limit in about]
    return f"{kind} {' and '.join(limits)}" if limits else kind


def plain(number: float) -> str:
    """Whole numbers with commas, others as short as they are."""
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def described(name: str, page: str) -> str:
    """A link to the section of the model called `name`."""
    (place,) = {place for model, place in places().items() if model.__name__ == name}
    return place.link(page)


def said_of_fields(model: type[BaseModel]) -> dict[str, str]:
    """The strings below the fields of `model` and of the models it is made from."""
    said: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if not issubclass(each, BaseModel) or each is BaseModel:
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str() as text)),
                ):
                    said[name] = " ".join(text.split())
    return said


if __name__ == "__main__":
    main()
