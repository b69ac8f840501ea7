from pathlib import Path

import pytest

from ontogeny.core.errors import ArtifactError, GateRefused, RecipeError
from ontogeny.core.progress import Progress
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.plan import resolve, select
from ontogeny.recipe.run import RunOptions, RunResult, run_recipe
from ontogeny.recipe.schema import Recipe
from tests.notes import Notes
from tests.recipe.conftest import RAN, TABLE

CHAIN = (
    "recipe: demo\nseed: 7\nsteps:\n"
    "  a: {step: make, text: hello}\n"
    "  b: {step: join, parts: [a, a]}\n"
    "  c: {step: count, of: b}\n"
    "  alone: {step: make, text: other}\n"
)


def run(
    recipe: Recipe, workspace: Workspace, *, only=(), until=(), progress: Progress | None = None, **options
) -> RunResult:
    nodes = resolve(recipe, workspace, TABLE)
    chosen = select(nodes, only=only, until=until)
    return run_recipe(recipe, nodes, chosen, workspace, options=RunOptions(**options), progress=progress)


def statuses(result: RunResult) -> dict[str, str]:
    return {step.name: step.status for step in result.steps}


def test_everything_runs_once_and_is_reused(write, workspace: Workspace) -> None:
    assert set(statuses(run(write(CHAIN), workspace)).values()) == {"done"}
    assert RAN == ["make hello", "join", "count", "make other"]
    again = run(write(CHAIN), workspace)
    assert set(statuses(again).values()) == {"reused"}
    assert (again.status, again.exit_code, len(RAN)) == ("done", 0, 4)
    assert workspace.verify() == []
    assert not list((workspace.root / "scratch").iterdir())


def test_a_change_reruns_what_depends_on_it(write, workspace: Workspace) -> None:
    run(write(CHAIN), workspace)
    result = statuses(run(write(CHAIN, "steps.b.separator=_"), workspace))
    assert result == {"a": "reused", "b": "done", "c": "done", "alone": "reused"}
    assert workspace.open("demo/b").name == "demo/b@2"
    # Going back finds the first result again.
    assert set(statuses(run(write(CHAIN), workspace)).values()) == {"reused"}


def test_an_equal_result_upstream_spares_what_follows(write, workspace: Workspace) -> None:
    run(write(CHAIN), workspace)
    result = statuses(run(write(CHAIN), workspace, rerun=frozenset({"a"})))
    assert result == {"a": "done", "b": "reused", "c": "reused", "alone": "reused"}


def test_the_manifest_tells_the_whole_story(write, workspace: Workspace) -> None:
    run(write(CHAIN), workspace)
    manifest = workspace.open("demo/b").manifest
    assert manifest.config == {"step": "join", "parts": ["a", "a"], "separator": " "}
    assert [(used.role, used.name) for used in manifest.inputs] == [
        ("parts.0", "demo/a@1"),
        ("parts.1", "demo/a@1"),
    ]
    assert manifest.licenses == ("L-hello",)
    assert manifest.knowledge_cutoff == "2026-01-01"
    assert manifest.spent["seconds"]["source"] == "measured"
    assert manifest.threads >= 1
    assert manifest.packages["ontogeny"]
    assert {entry.kind for entry in workspace.ledger.entries()} == {"artifact", "run"}


def test_a_failure_spares_independent_branches(write, workspace: Workspace) -> None:
    result = run(write(CHAIN, "steps.a.fail=true"), workspace)
    assert statuses(result) == {"a": "failed", "b": "skipped", "c": "skipped", "alone": "done"}
    assert (result.status, result.exit_code) == ("failed", 1)
    assert "row 3: asked to fail" in result.to_dict()["steps"][0]["error"]
    # A failed attempt left a half-written payload in scratch; the next one starts with an empty payload.
    assert statuses(run(write(CHAIN), workspace))["a"] == "done"
    assert [file.path for file in workspace.open("demo/a").manifest.files] == ["text.txt"]


def test_a_step_that_begins_anew_tells_of_unfinished_work_with_other_settings(
    write, workspace: Workspace
) -> None:
    def failing(*changes: str) -> list[str]:
        notes = Notes()
        text = CHAIN.replace("text: hello", "text: hello, keep: true, fail: true")
        assert statuses(run(write(text, *changes), workspace, until=["a"], progress=notes)) == {"a": "failed"}
        return notes.said

    assert failing() == []
    assert failing() == []  # goes on
    (said,) = failing("steps.a.text=other")
    assert said.startswith(
        "a: an unfinished run of this step, with other settings or inputs, stays in scratch ("
    )
    assert said.endswith(" B); `ontogeny store gc --unfinished` removes it")
    assert failing("steps.a.text=other") == []
    (said,) = failing("steps.a.text=third")
    assert said.startswith(
        "a: 2 unfinished runs of this step, with other settings or inputs, stay in scratch ("
    )
    assert said.endswith("removes them")
    assert [one.step for one in workspace.collect_garbage().kept] == ["a", "a", "a"]


def test_a_step_that_is_refused_at_once_is_no_unfinished_work(write, workspace: Workspace) -> None:
    run(write(CHAIN, "steps.a.fail=true"), workspace, until=["a"])
    notes = Notes()
    run(write(CHAIN), workspace, progress=notes)
    assert notes.said == []


def test_a_defect_in_a_step_is_told_and_spares_the_others(write, workspace: Workspace, caplog) -> None:
    caplog.set_level("DEBUG")
    result = run(write(CHAIN.replace("text: hello", "text: defect")), workspace)
    assert statuses(result) == {"a": "failed", "b": "skipped", "c": "skipped", "alone": "done"}
    assert "unexpected ZeroDivisionError" in str(result.steps[0].error)
    assert "--debug" in str(result.steps[0].error)
    assert "Traceback" in caplog.text


def test_a_gate_holds_steps_back_and_a_reused_refusal_refuses_again(write, workspace: Workspace) -> None:
    text = CHAIN.replace("of: b}", "of: b, gates: [{at_most: 3, blocks: [alone]}]}")
    for expected in ("done", "reused"):
        result = run(write(text), workspace)
        assert statuses(result) == {"a": expected, "b": expected, "c": "refused", "alone": "skipped"}
        assert (result.status, result.exit_code) == ("refused", 3)
        assert isinstance(result.steps[-1].error, GateRefused)
    assert workspace.open("demo/c").manifest.verdicts[0].passed is False
    assert statuses(run(write(text.replace("at_most: 3", "at_most: 99")), workspace))["alone"] == "done"


def test_only_and_until(write, workspace: Workspace) -> None:
    refused = run(write(CHAIN), workspace, only=["b"])
    assert statuses(refused) == {"b": "failed"}
    assert refused.exit_code == 2
    assert "--until b" in str(refused.steps[0].error)
    assert statuses(run(write(CHAIN), workspace, until=["b"])) == {"a": "done", "b": "done"}
    assert statuses(run(write(CHAIN, "steps.b.separator=_"), workspace, only=["b"])) == {"b": "done"}


def test_a_limit_counts_only_where_it_is_obeyed(write, workspace: Workspace) -> None:
    run(write(CHAIN), workspace)
    result = run(write(CHAIN), workspace, limit=5)
    assert statuses(result) == {"a": "reused", "b": "reused", "c": "done", "alone": "reused"}
    assert workspace.open("demo/c").manifest.metrics["limit"] == 5


def test_an_outside_file_that_changes_is_noticed(write, workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "outside.txt"
    path.write_text("one")
    text = CHAIN.replace("text: hello", f"text: hello, path: {path}")
    run(write(text), workspace)
    assert statuses(run(write(text), workspace))["a"] == "reused"
    path.write_text("another")
    assert statuses(run(write(text), workspace))["a"] == "done"
    assert workspace.open("demo/a").manifest.external_files[str(path)].startswith("blake3:")


def test_a_corrupt_input_is_refused_before_it_is_used(write, workspace: Workspace) -> None:
    run(write(CHAIN), workspace)
    path = workspace.open("demo/a").path / "text.txt"
    path.write_text("jello")
    result = run(write(CHAIN, "steps.b.separator=_"), workspace)
    assert statuses(result)["b"] == "failed"
    error = result.steps[1].error
    assert isinstance(error, ArtifactError)
    assert error.where == str(path)
    assert statuses(result)["alone"] == "reused"


def test_a_missing_input_file_is_refused_before_anything_is_computed(write, workspace: Workspace) -> None:
    recipe = write(CHAIN.replace("text: other", "text: other, path: ./none.txt"))
    with pytest.raises(RecipeError, match=r"none\.txt") as caught:
        run(recipe, workspace)
    assert str(caught.value.where).endswith("r.yaml:7")
    assert RAN == []
    assert not workspace.root.exists()


def test_a_damaged_step_that_was_not_asked_for_is_not_looked_at(write, workspace: Workspace) -> None:
    run(write(CHAIN), workspace)
    (workspace.open("demo/c").path / "manifest.json").write_text("damaged")
    result = run(write(CHAIN), workspace, only=["a"])
    assert (statuses(result), result.exit_code) == ({"a": "reused"}, 0)


def test_results_are_handed_over_as_they_come(write, workspace: Workspace) -> None:
    seen: list[str] = []
    recipe = write(CHAIN)
    nodes = resolve(recipe, workspace, TABLE)
    run_recipe(
        recipe, nodes, nodes, workspace, options=RunOptions(), finished=lambda step: seen.append(step.name)
    )
    assert seen == ["a", "b", "c", "alone"]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_seed_of_a_step_follows_from_the_recipe_and_its_name(
    write, workspace: Workspace, seed: int
) -> None:
    run(write(CHAIN, f"seed={seed}"), workspace)
    assert workspace.open("demo/a").manifest.seed != workspace.open("demo/alone").manifest.seed
