"""Errors about the settings of a step, moved to the line of the recipe that the setting stands on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ontogeny.core.errors import OntogenyError, RecipeError, UsageError
from ontogeny.recipe.schema import Recipe


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
