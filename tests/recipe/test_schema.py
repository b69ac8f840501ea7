import pytest

from ontogeny.core.errors import RecipeError

GOOD = "recipe: demo\nseed: 7\nsteps:\n  a: {step: make, text: hello}\n  b:\n    step: join\n    parts: [a]\n"


def test_a_recipe_is_read_with_its_defaults(write) -> None:
    recipe = write(GOOD)
    assert (recipe.name, recipe.seed, list(recipe.steps)) == ("demo", 7, ["a", "b"])
    assert recipe.to_dict()["steps"]["b"]["separator"] == " "


def test_overrides_are_checked_like_the_file(write) -> None:
    assert write(GOOD, "steps.a.text=bye", "seed=1").steps["a"].text == "bye"
    with pytest.raises(RecipeError, match="unknown key 'txet'") as caught:
        write(GOOD, "steps.a.txet=bye")
    assert caught.value.where == "--set steps.a.txet"


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ("seed: 7", "sede: 7", 2, r"unknown key 'sede'. Did you mean 'seed'\?"),
        ("seed: 7", "seed: -1", 2, "seed is a whole number"),
        ("seed: 7", "seed: yes", 2, "seed is a whole number"),
        ("recipe: demo", "recipe: a/b", 1, "'a/b' is not a name"),
        ("recipe: demo\n", "", None, "`recipe:` is missing"),
        ("step: join", "step: jion", 6, r"unknown step 'jion'. Did you mean 'join'\?"),
        ("step: join", "setp: join", None, "a step needs `step: KIND`"),
        ("parts: [a]", "parst: [a]", None, r"unknown key 'parst' in b. Did you mean 'parts'\?"),
        ("    parts: [a]\n", "", None, "'parts' is missing in b"),
        ("parts: [a]", "parts: [{x: 1}]", 7, "b.parts.0: Input should be a valid string"),
        ("text: hello", "text: [1]", 4, "a.text: Input should be a valid string"),
        ("  a: {step", "  a b: {step", 4, "step name 'a b' is not a name"),
    ],
)
def test_mistakes_are_told_with_their_line(
    write, before: str, after: str, line: int | None, message: str
) -> None:
    assert before in GOOD
    with pytest.raises(RecipeError, match=message) as caught:
        write(GOOD.replace(before, after, 1))
    if line is not None:
        assert str(caught.value.where).endswith(f"r.yaml:{line}")


def test_all_mistakes_of_a_step_are_told_at_once(write) -> None:
    with pytest.raises(RecipeError) as caught:
        write(GOOD.replace("text: hello", "txt: hello, fail: maybe"))
    assert "'text' is missing" in str(caught.value)
    assert "unknown key 'txt'" in str(caught.value)
    assert "a.fail" in str(caught.value)


def test_the_mistakes_of_all_steps_are_told_at_once(write) -> None:
    with pytest.raises(RecipeError) as caught:
        write(GOOD.replace("text: hello", "txt: hello").replace("parts: [a]", "parts: a"))
    assert str(caught.value.where).endswith("r.yaml:4")
    assert "'text' is missing in a" in str(caught.value)
    assert "r.yaml:7: b.parts: Input should be a list (got 'a')" in str(caught.value)
    many = "recipe: demo\nsteps:\n" + "".join(f"  s{n}: {{step: mkae}}\n" for n in range(12))
    with pytest.raises(RecipeError, match="and 2 more"):
        write(many)


def test_a_file_without_steps_is_refused(write) -> None:
    with pytest.raises(RecipeError, match="holds at least one"):
        write("recipe: demo\nsteps: {}\n")
    with pytest.raises(RecipeError, match="a recipe is a mapping"):
        write("- a\n")
