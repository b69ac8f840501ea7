from __future__ import annotations

import pytest

from ontogeny.core.errors import DataError, OntogenyError, RecipeError, UsageError, placed
from ontogeny.recipe.located import at_its_line
from ontogeny.recipe.schema import Recipe

TEXT = "recipe: demo\nsteps:\n  a:\n    step: make\n    text: hello\n"


def moved(recipe: Recipe, error: OntogenyError, *place: str) -> OntogenyError:
    with pytest.raises(OntogenyError) as caught, at_its_line(recipe, "a"), placed(*place):
        raise error
    return caught.value


@pytest.mark.parametrize(("place", "line"), [(("text",), 5), ((), 3), (("path", "deeper"), 3)])
def test_a_setting_is_named_with_its_line(write, place: tuple[str, ...], line: int) -> None:
    found = moved(write(TEXT), UsageError("too short", where="a.txt", hint="lengthen it"), *place)
    assert found.message == f"{'.'.join(('a', *place))}: a.txt: too short"
    assert str(found.where).endswith(f"r.yaml:{line}")
    assert (type(found), found.hint) == (RecipeError, "lengthen it")


def test_what_is_no_mistake_of_the_user_stays_what_it_is(write) -> None:
    found = moved(write(TEXT), DataError("no rows"))
    assert (type(found), found.message) == (DataError, "a: no rows")


def test_a_recipe_without_lines_changes_nothing() -> None:
    error = UsageError("too short", where="a.txt")
    assert moved(Recipe("demo", 0, {}), error, "text") is error
