"""A recipe: a name, a seed, and named steps, each checked against the configuration of its kind.

The mistakes of all steps are told at once, with file and line, what was expected, and the nearest valid name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ontogeny.core.errors import RecipeError, nearest
from ontogeny.lineage.step import Step, StepConfig
from ontogeny.lineage.workspace import NAME_PATTERN
from ontogeny.recipe.data_steps import add_data_steps
from ontogeny.recipe.imports import with_imports
from ontogeny.recipe.mistakes import Mistake, as_error, mistakes_in
from ontogeny.recipe.source import Place, Source, read_source

ROOT_KEYS = ("recipe", "seed", "steps")
MAX_SEED = 2**63 - 1


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


def load_recipe(
    path: Path, table: Mapping[str, Step], *, overrides: Iterable[str] = (), grid: Iterable[str] = ()
) -> Recipe:
    """Read and check a recipe; `overrides` are `a.b.c=value` texts applied before checking.

    `grid` are more of them, one combination of a grid, where mistakes in them are then located.

    Raises:
        RecipeError: anything in it cannot be meant; file, line, what was expected, what to do.
    """
    source = read_source(path)
    if not isinstance(source.data, dict):
        raise RecipeError("a recipe is a mapping with `recipe:` and `steps:`", where=str(path))
    for assignment in overrides:
        source.override(assignment)
    for assignment in grid:
        source.override(assignment, option="--grid")
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
    return Recipe(name, seed, with_imports(_checked_steps(add_data_steps(source), source, table)), source)


def _checked_steps(
    steps: Mapping[str | int, object], source: Source, table: Mapping[str, Step]
) -> dict[str, StepConfig]:
    checked: dict[str, StepConfig] = {}
    mistakes: list[Mistake] = []
    for name, body in steps.items():
        place: Place = ("steps", name)
        step_name = _checked_name(name, "step name", source, place)
        outcome = _checked_step(body, place, source, table)
        if isinstance(outcome, StepConfig):
            checked[step_name] = outcome
        else:
            mistakes += outcome
    if mistakes:
        raise as_error(mistakes)
    return checked


def _checked_name(name: object, what: str, source: Source, place: Place) -> str:
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise RecipeError(
            f"{what} {name!r} is not a name" if name is not None else f"`{what}:` is missing",
            where=source.where(place),
            hint="a name has letters, digits, '-', '_' and '.', and starts with a letter or digit",
        )
    return name


def _checked_step(
    body: object, place: Place, source: Source, table: Mapping[str, Step]
) -> StepConfig | list[Mistake]:
    """The configuration, or what is wrong with it."""
    kind = body.get("step") if isinstance(body, dict) else None
    if not isinstance(kind, str) or kind not in table:
        said = f"unknown step {kind!r}.{nearest(str(kind), table)}" if kind else "a step needs `step: KIND`"
        return [Mistake(source.where((*place, "step")), said, f"steps are {', '.join(table)}")]
    try:
        return table[kind].config.model_validate(body)
    except ValidationError as error:
        return mistakes_in(error, place, source, table[kind].config)
