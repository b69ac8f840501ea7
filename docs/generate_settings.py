"""docs/settings.md, made from the models that recipes are checked against, so that the two never differ.

python docs/generate_settings.py            print it
python docs/generate_settings.py --write    write docs/settings.md
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ontogeny.data.rules import Rule
from ontogeny.data.sources import Source
from ontogeny.data.sources.files import FileSource

PAGE = Path(__file__).with_name("settings.md")
PREAMBLE = """\
# Settings of sources and rules

What may stand under `sources` and `rules` of a step `curate`, key by key, with what a key takes and its default. What
the types are for, and how they work together, is in [data](stages/data.md).

Made from the models by `docs/generate_settings.py`; a test checks that it is up to date.
"""
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
}
NONE = r"\bNone\b"
"""As the code says what a recipe writes as null."""
LEFT_OUT = "type"
"""It is the heading."""


def main() -> None:
    page = render()
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page)
    else:
        print(page, end="")


def render() -> str:
    """The whole page."""
    shared = keys_of(FileSource)
    lines = [PREAMBLE, "## Sources", "", "All but `python-docs` have these keys, and some have more:", ""]
    lines += [*shared.values(), ""]
    for model in members(Source):
        own = {name: line for name, line in keys_of(model).items() if shared.get(name) != line}
        lines += section(model, own)
    lines += ["## Rules", ""]
    for model in members(Rule):
        lines += section(model, keys_of(model))
    return "\n".join(lines)


def members(union: Any) -> Sequence[type[BaseModel]]:
    """The models of a union that a recipe's `type` chooses from."""
    found: Sequence[type[BaseModel]] = typing.get_args(typing.get_args(union)[0])
    return found


def section(model: type[BaseModel], keys: Mapping[str, str]) -> list[str]:
    """A heading with its types, what the model says of itself, and its keys."""
    types = typing.get_args(model.model_fields[LEFT_OUT].annotation)
    about = re.sub(NONE, "null", inspect.cleandoc(model.__doc__ or ""))
    lines = [f"### {', '.join(f'`{each}`' for each in types)}", "", about, ""]
    return [*lines, *keys.values(), ""] if keys else lines


def keys_of(model: type[BaseModel]) -> dict[str, str]:
    """A line for each key of `model`: what it takes, its default, and what stands below it in the code."""
    schema = model.model_json_schema()
    said = said_of_fields(model)
    required = schema.get("required", [])
    lines = {}
    for name, about in schema["properties"].items():
        if name == LEFT_OUT:
            continue
        default = "required" if name in required else f"default `{json.dumps(about.get('default'))}`"
        line = f"- `{name}`: {takes(about, schema.get('$defs', {}))}; {default}."
        lines[name] = f"{line} {re.sub(NONE, 'null', said[name])}" if name in said else line
    return lines


def takes(about: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    """What a JSON Schema lets stand there, in words."""
    of = functools.partial(takes, models=models)
    if "$ref" in about:
        return of(models[about["$ref"].rpartition("/")[2]])
    if "anyOf" in about:
        return " or ".join(map(of, about["anyOf"]))
    if "const" in about or "enum" in about:
        return " or ".join(f"`{each}`" for each in about.get("enum", [about.get("const")]))
    if about.get("type") == "array":
        inside = about.get("items") or about.get("prefixItems", [{}])[0]
        return f"list of {of(inside)}"
    if about.get("properties"):
        return f"mapping with {', '.join(f'`{each}`' for each in about['properties'])}"
    kind = "path" if about.get("format") == "path" else KINDS.get(about.get("type", ""), "text")
    limits = [f"{word} {about[limit]:g}" for limit, word in LIMITS.items() if limit in about]
    return f"{kind} {' and '.join(limits)}" if limits else kind


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
