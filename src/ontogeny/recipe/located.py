"""Errors about the settings of a step, moved to the line of the recipe that the setting stands on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ontogeny.core.errors import OntogenyError, RecipeError, UsageError
from ontogeny.recipe.schema import Recipe
from ontogeny.recipe.source import Place, follow


@contextmanager
def at_its_line(recipe: Recipe, step: str) -> Iterator[None]:
    """A step says which of its settings are wrong (`OntogenyError.place`); the recipe knows their line.

    Raises:
        OntogenyError: the same with that line, a RecipeError where it is the user's mistake; as it was where the recipe
            has no lines.
    """
    try:
        yield
    except OntogenyError as error:
        line = recipe.where("steps", step, *error.place)
        if line is None:
            raise
        setting = ".".join(map(str, (step, *error.place)))
        said = f"{error.where}: {error.message}" if error.where else error.message
        kind = RecipeError if isinstance(error, UsageError) else type(error)
        raise kind(f"{setting}: {said}", where=line, hint=error.hint) from error


@contextmanager
def training_at_its_line(recipe: Recipe, step: str) -> Iterator[None]:
    """`at_its_line` for checks of a training, which name the setting in words.

    Raises:
        OntogenyError: as that does.
    """
    with at_its_line(recipe, step):
        try:
            yield
        except UsageError as error:
            if recipe.source:
                error.place = _place_of(error, recipe.source.data["steps"][step])
                error.where = None
            raise


def _place_of(error: UsageError, body: Mapping[str, Any]) -> Place:
    """The first setting that the message names and that `body` has; else the part that the error is about."""
    for named in re.findall(r"`(?:train\.|size\.)?([a-z_.]+)`", error.message):
        for part in ("train", "size"):
            place = (part, *named.split("."))
            if follow(body, place) == place:
                return place
    return tuple(error.where.split(".")) if error.where else ()
