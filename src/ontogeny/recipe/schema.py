"""A recipe: a name, a seed, and named steps, each checked against the configuration of its kind.

Every mistake is told at once, with file and line, what was expected, and the nearest valid name.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.lineage.step import Step, StepConfig
from ontogeny.lineage.workspace import NAME_PATTERN
from ontogeny.recipe.source import Place, Source, follow, read_source

ROOT_KEYS = ("recipe", "seed", "steps")
MAX_SEED = 2**63 - 1
SHOWN_MISTAKES = 5


@dataclass(frozen=True)
class Recipe:
    """A checked recipe. `source` tells where each value stands; None for one made in Python."""

    name: str
    seed: int
    steps: dict[str, StepConfig]
    source: Source | None = None

    def where(self, *place: str | int) -> str | None:
        """`file:line` of a value, for an error."""
        return self.source.where(place) if self.source else None

    def to_dict(self) -> dict[str, Any]:
        """The resolved recipe, defaults included, as JSON values."""
        steps = {name: config.model_dump(mode="json") for name, config in self.steps.items()}
        return {"recipe": self.name, "seed": self.seed, "steps": steps}


def load_recipe(path: Path, table: Mapping[str, Step], *, overrides: Iterable[str] = ()) -> Recipe:
    """Read and check a recipe; `overrides` are `a.b.c=value` texts applied before checking.

    Raises:
        RecipeError: anything in it cannot be meant; file, line, what was expected, what to do.
    """
    source = read_source(path)
    if not isinstance(source.data, dict):
        raise RecipeError("a recipe is a mapping with `recipe:` and `steps:`", where=str(path))
    for assignment in overrides:
        source.override(assignment)
    data = source.data
    for key in data:
        if key not in ROOT_KEYS:
            raise RecipeError(
                f"unknown key {key!r}.{nearest(str(key), ROOT_KEYS)}",
                where=source.where((key,)),
                hint=f"a recipe has the keys {', '.join(ROOT_KEYS)}",
            )
    name = _checked_name(data.get("recipe"), "recipe", source, ("recipe",))
    seed = data.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= MAX_SEED:
        raise RecipeError(
            f"seed is a whole number from 0 to 2^63-1, not {seed!r}", where=source.where(("seed",))
        )
    steps = data.get("steps")
    if not isinstance(steps, dict) or not steps:
        raise RecipeError(
            "`steps:` holds at least one `name: {step: KIND, ...}`", where=source.where(("steps",))
        )
    checked = {}
    for step_name, body in steps.items():
        place: Place = ("steps", step_name)
        checked[_checked_name(step_name, "step name", source, place)] = _checked_step(
            body, place, source, table
        )
    return Recipe(name, seed, checked, source)


def _checked_name(name: object, what: str, source: Source, place: Place) -> str:
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise RecipeError(
            f"{what} {name!r} is not a name" if name is not None else f"`{what}:` is missing",
            where=source.where(place),
            hint="a name has letters, digits, '-', '_' and '.', and starts with a letter or digit",
        )
    return name


def _checked_step(body: object, place: Place, source: Source, table: Mapping[str, Step]) -> StepConfig:
    kind = body.get("step") if isinstance(body, dict) else None
    if not isinstance(kind, str) or kind not in table:
        said = f"unknown step {kind!r}.{nearest(str(kind), table)}" if kind else "a step needs `step: KIND`"
        raise RecipeError(said, where=source.where((*place, "step")), hint=f"steps are {', '.join(table)}")
    try:
        return table[kind].config.model_validate(body)
    except ValidationError as error:
        mistakes = [_mistake(details, place, source, table[kind].config) for details in error.errors()]
        (where, first), *others = mistakes
        more = [f"{place_of}: {text}" for place_of, text in others[: SHOWN_MISTAKES - 1]]
        if len(mistakes) > SHOWN_MISTAKES:
            more.append(f"and {len(mistakes) - SHOWN_MISTAKES} more")
        known = ", ".join(sorted(table[kind].config.model_fields))
        raise RecipeError("\n".join([first, *more]), where=where, hint=f"keys of {kind}: {known}") from error


def _mistake(details: Any, place: Place, source: Source, config: type[BaseModel]) -> tuple[str, str]:
    """Where it is, and a sentence about it."""
    body: Any = source.data
    for part in place:
        body = body[part]
    found = follow(body, details["loc"])
    name = str(details["loc"][-1]) if details["loc"] else ""
    dotted = ".".join(str(part) for part in (*place[1:], *found))
    message = str(details["msg"]).removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        text = f"unknown key {name!r} in {'.'.join(dotted.split('.')[:-1])}.{nearest(name, _field_names(config))}"
    elif details["type"] == "missing":
        text = f"{name!r} is missing in {dotted}"
    elif isinstance(details.get("input"), (str, int, float, bool, type(None))):
        text = f"{dotted}: {message} (got {details['input']!r})"
    else:
        text = f"{dotted}: {message}"
    return source.where((*place, *found)), text


def _field_names(config: type[BaseModel]) -> set[str]:
    """The keys of a configuration and of everything inside it."""
    names: set[str] = set()
    for model in _models(config, set()):
        names |= {info.alias or name for name, info in model.model_fields.items()}
    return names


def _models(annotation: Any, seen: set[Any]) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel) and annotation not in seen:
            seen.add(annotation)
            yield annotation
            for info in annotation.model_fields.values():
                yield from _models(info.annotation, seen)
        return
    for argument in typing.get_args(annotation):
        yield from _models(argument, seen)
