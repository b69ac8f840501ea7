from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError, UsageError
from ontogeny.data.step import CURATE
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.plan import check_files, make_plan, resolve, select, with_ancestors
from ontogeny.recipe.run import RunOptions, run_recipe
from ontogeny.recipe.schema import load_recipe
from tests.recipe.conftest import TABLE

CHAIN = (
    "recipe: demo\nsteps:\n"
    "  all: {step: join, parts: [b, a]}\n"
    "  b: {step: join, parts: [a]}\n"
    "  a: {step: make, text: hello}\n"
    "  alone: {step: make, text: other}\n"
)


def test_steps_come_after_what_they_need(write, workspace: Workspace) -> None:
    assert [node.name for node in resolve(write(CHAIN), workspace, TABLE)] == ["a", "b", "all", "alone"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "parts: [a]",
            "parts: [al]",
            r"parts.0: there is no step, artifact or alias 'al'. Did you mean 'all'\?",
        ),
        ("parts: [a]", "parts: [./somewhere]", "no step, artifact or alias './somewhere'"),
        ("parts: [a]", "parts: [all]", "the steps wait for each other: all -> b -> all"),
        ("parts: [a]", "parts: [b]", "the steps wait for each other: b -> b"),
        (
            "{step: make, text: other}",
            "{step: count, of: a, gates: [{at_most: 1, blocks: [ba]}]}",
            "blocks 'ba'",
        ),
        ("text: other", "text: other, held_out_fraction: 0.2", "held_out_fraction is 0.2 here and 0.1 in a"),
    ],
)
def test_what_cannot_be_resolved_is_refused_with_its_line(
    write, workspace: Workspace, before: str, after: str, message: str
) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        resolve(write(CHAIN.replace(before, after)), workspace, TABLE)
    assert "r.yaml:" in str(caught.value.where)


def test_an_input_of_the_wrong_kind_is_refused(write, workspace: Workspace) -> None:
    text = CHAIN + "  n: {step: count, of: a}\n  wrong: {step: join, parts: [n]}\n"
    message = r"parts\.0 needs an artifact of kind 'text', but 'n' is of kind 'evaluation'"
    with pytest.raises(RecipeError, match=message) as caught:
        resolve(write(text), workspace, TABLE)
    assert "steps that make one: all, b, a, alone" in str(caught.value.hint)


def test_a_plan_tells_what_is_reused_to_run_and_unknown(write, workspace: Workspace) -> None:
    def statuses(*overrides: str) -> dict[str, str]:
        recipe = write(CHAIN, *overrides)
        nodes = resolve(recipe, workspace, TABLE)
        return {one.node.name: one.status for one in make_plan(nodes, workspace, device="cpu")}

    assert statuses() == {"a": "to-run", "b": "unknown", "all": "unknown", "alone": "to-run"}
    recipe = write(CHAIN)
    nodes = resolve(recipe, workspace, TABLE)
    run_recipe(recipe, nodes, nodes, workspace, options=RunOptions())
    assert set(statuses().values()) == {"reused"}
    assert statuses("steps.b.separator=_") == {
        "a": "reused",
        "b": "to-run",
        "all": "unknown",
        "alone": "reused",
    }
    assert set(statuses("steps.a.workers=9").values()) == {"reused"}
    inputs = [one.inputs for one in make_plan(nodes, workspace, device="cpu", rerun=["b"])]
    assert [None if each is None else [*each] for each in inputs] == [[], ["parts.0"], None, []]


def test_selection_follows_the_arrows(write, workspace: Workspace) -> None:
    nodes = resolve(write(CHAIN), workspace, TABLE)
    assert [node.name for node in select(nodes, until=["b"])] == ["a", "b"]
    assert [node.name for node in select(nodes, only=["b"])] == ["b"]
    assert len(select(nodes)) == 4
    with pytest.raises(UsageError, match=r"no step 'alne'. Did you mean 'alone'\?"):
        select(nodes, only=["alne"])


def test_artifacts_of_other_recipes_and_aliases_serve_as_inputs(write, workspace: Workspace) -> None:
    recipe = write(CHAIN)
    nodes = resolve(recipe, workspace, TABLE)
    run_recipe(recipe, nodes, nodes, workspace, options=RunOptions())
    other = write("recipe: other\nsteps:\n  c: {step: join, parts: [demo/a@1, demo/b]}\n")
    (node,) = resolve(other, workspace, TABLE)
    assert [use.artifact.name for use in node.uses if use.artifact] == ["demo/a@1", "demo/b@1"]


def test_what_is_to_be_computed_again_leaves_what_follows_unknown(write, workspace: Workspace) -> None:
    recipe = write(CHAIN)
    nodes = resolve(recipe, workspace, TABLE)
    run_recipe(recipe, nodes, nodes, workspace, options=RunOptions())
    planned = make_plan(nodes, workspace, device="cpu", rerun=["b"])
    statuses = {one.node.name: one.status for one in planned}
    assert statuses == {"a": "reused", "b": "to-run", "all": "unknown", "alone": "reused"}


def test_ancestors_come_with_what_is_selected(write, workspace: Workspace) -> None:
    nodes = resolve(write(CHAIN), workspace, TABLE)
    assert [node.name for node in with_ancestors(nodes, select(nodes, only=["b"]))] == ["a", "b"]
    assert with_ancestors(nodes, []) == []


def test_a_missing_input_file_is_told_with_the_line_of_its_step(write, workspace: Workspace) -> None:
    recipe = write(CHAIN.replace("text: other", "text: other, path: ./none.txt"))
    nodes = resolve(recipe, workspace, TABLE)
    check_files(select(nodes, only=["a"]), recipe)
    with pytest.raises(RecipeError, match=r"alone: none\.txt: no such input file") as caught:
        check_files(nodes, recipe)
    assert str(caught.value.where).endswith("r.yaml:6")
    assert caught.value.hint == "check the path in the recipe"


CURATED = """recipe: demo
steps:
  corpus:
    step: curate
    sources:
      - type: python-docs
      - type: jsonl
        name: rows
        path: PATH
    rules:
      - type: length
        max_chars: 9
      - type: RULE
"""


@pytest.mark.parametrize(
    ("path", "rule", "line", "message"),
    [
        ("none.jsonl", "pii", 9, "corpus.sources.1.path: none.jsonl: no such file"),
        ("a.jsonl", "block-list\n        paths: [none.txt]", 14, "corpus.rules.1.paths: none.txt: "),
        ("a.jsonl", "toxicity\n        words: none.txt", 14, "corpus.rules.1.words: none.txt: "),
        ("a.jsonl", "c4", 13, "corpus.rules.1: the rule 'c4' reads what the edit"),
        (
            "a.jsonl",
            "expression\n        reason: odd\n        drop: wrods < 3",
            15,
            "corpus.rules.1.drop: there is no column 'wrods'",
        ),
    ],
)
def test_a_mistake_in_a_setting_is_told_with_its_own_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workspace: Workspace,
    path: str,
    rule: str,
    line: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n')
    (tmp_path / "r.yaml").write_text(CURATED.replace("PATH", path).replace("RULE", rule))
    table = {"curate": CURATE}
    recipe = load_recipe(tmp_path / "r.yaml", table)
    with pytest.raises(UsageError) as caught:
        check_files(resolve(recipe, workspace, table), recipe)
    assert caught.value.message.startswith(message)
    assert str(caught.value.where).endswith(f"r.yaml:{line}")
