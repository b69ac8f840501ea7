from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.recipe.source import follow, read_source


@pytest.fixture
def source(tmp_path: Path):
    def read(text: str | bytes):
        path = tmp_path / "r.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_source(path)

    return read


def test_every_value_knows_its_line(source) -> None:
    found = source("a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n")
    assert found.data == {"a": 1, "b": ["x", {"c": 2, "d": 3}]}
    assert {place: line for place, line in found.lines.items() if place} == {
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 1): 4,
        ("b", 1, "c"): 4,
        ("b", 1, "d"): 5,
    }
    assert found.where(("b", 1, "d")).endswith("r.yaml:5")
    assert found.where(("b", 1, "unknown")).endswith("r.yaml:4")


def test_anchors_are_followed(source) -> None:
    assert source("a: &x {c: 1}\nb: *x\n").data == {"a": {"c": 1}, "b": {"c": 1}}


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("a: [1", "not YAML", ":1"),
        ("a: 1\na: 2\n", "'a' is given twice", ":2"),
        ("a:\n  ? [x]\n  : 1\n", "a key must be a word", ":2"),
        (b"a: \xff\n", "not UTF-8", "r.yaml"),
        ("a: \x00\n", "not YAML", "r.yaml"),
        ("a: !!python/object:os.system x\n", "not YAML", ":1"),
    ],
)
def test_what_is_not_a_recipe_is_refused_with_its_line(source, text, message: str, where: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        source(text)
    assert where in str(caught.value.where)


def test_a_missing_file_names_those_beside_it(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("")
    with pytest.raises(RecipeError, match="cannot be read") as caught:
        read_source(tmp_path / "rael.yaml")
    assert "real.yaml" in str(caught.value.hint)


def test_overrides_reach_into_maps_and_lists(source) -> None:
    found = source("a: {b: 1}\nc: [{d: 1}]\n")
    for assignment in ("a.b=2", "c.0.d=[x, 3e-4]", "e.f=true"):
        found.override(assignment)
    assert found.data == {"a": {"b": 2}, "c": [{"d": ["x", "3e-4"]}], "e": {"f": True}}
    assert found.where(("a", "b")) == "--set a.b"


def test_what_an_override_made_or_replaced_is_told_as_its_own(source) -> None:
    found = source("a: {b: {c: 1}}\nsteps:\n  x: {step: make}\n")
    for assignment in ("a.b={c: 2}", "steps.x.train.steps=3", "steps.new.step=make", "steps.new.text=hi"):
        found.override(assignment)
    assert found.where(("a", "b", "c")) == "--set a.b"
    assert found.where(("steps", "x", "train", "other")) == "--set steps.x.train.steps"
    assert found.where(("steps", "x", "step")).endswith("r.yaml:3")
    assert found.data["steps"]["new"] == {"step": "make", "text": "hi"}


def test_an_override_of_a_step_that_is_not_there_names_the_nearest(source) -> None:
    with pytest.raises(RecipeError, match=r"there is no step 'bas'. Did you mean 'base'\?") as caught:
        source("steps:\n  base: {step: make}\n").override("steps.bas.train.steps=3")
    assert caught.value.where == "--set steps.bas.train.steps"
    assert "--set steps.bas.step=KIND" in str(caught.value.hint)


@pytest.mark.parametrize("value", ["[1", "a: b: c", "2026-13-45"])
def test_a_value_that_is_not_yaml_is_told_in_one_line(source, value: str) -> None:
    with pytest.raises(RecipeError, match="is not a YAML value") as caught:
        source("a: 1\n").override(f"a={value}")
    assert "\n" not in caught.value.message
    assert "quotes" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seed", "not of the form"),
        ("a.b.c=1", "no 'c' to set"),
        ("c.7.d=1", "no 7 to set"),
        ("a=[", "not a YAML value"),
    ],
)
def test_an_override_that_leads_nowhere_is_refused(source, assignment: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        source("a: {b: 1}\nc: [{d: 1}]\n").override(assignment)


def test_locations_skip_the_tags_of_unions() -> None:
    assert follow({"sources": [{"path": 1}]}, ("sources", 0, "text", "path")) == ("sources", 0, "path")
