import pytest

from ontogeny.core.errors import (
    DataError,
    GateRefused,
    OntogenyError,
    RecipeError,
    UsageError,
    defect,
    nearest,
    placed,
)


def test_an_error_says_where_what_and_what_to_do() -> None:
    error = RecipeError("unknown key 'sede'", where="a.yaml:3", hint="write `seed`")
    assert str(error) == "a.yaml:3: unknown key 'sede'\n→ write `seed`"
    assert str(DataError("nothing left")) == "nothing left"


def test_exit_codes_follow_the_tree() -> None:
    assert [kind.exit_code for kind in (OntogenyError, UsageError, RecipeError, GateRefused)] == [1, 2, 2, 3]


def test_a_defect_is_told_with_the_last_line_of_ours() -> None:
    assert defect(KeyError("x")).where is None, "no line of ours stands in its traceback"
    with pytest.raises(TypeError) as caught:
        nearest("x", 3)  # type: ignore[arg-type]
    told = defect(caught.value)
    assert "unexpected TypeError: 'int' object is not iterable" in told.message
    assert told.where is not None
    assert told.where.startswith("ontogeny/core/errors.py, line ")
    assert "--debug" in str(told.hint)


def test_nearest_names_the_closest_or_nothing() -> None:
    assert nearest("pretrian", ["curate", "pretrain"]) == " Did you mean 'pretrain'?"
    assert nearest("zzz", ["curate", "pretrain"]) == ""


def test_an_error_knows_the_setting_that_it_came_out_of() -> None:
    assert DataError("no place").place == ()
    with pytest.raises(RecipeError) as caught, placed("rules", 3), placed("drop"):
        raise RecipeError("unknown column")
    assert caught.value.place == ("rules", 3, "drop")
