"""A classifier in a recipe: trained by one step, deciding in another, known by its content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.data.report.finished import read_rules
from ontogeny.data.signals import classifier as signal
from ontogeny.lineage.graph import lineage
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.plan import resolve
from ontogeny.recipe.run import RunOptions, RunResult, run_recipe
from ontogeny.recipe.schema import Recipe, load_recipe
from ontogeny.recipe.table import STEPS
from tests.data.test_classifier import COOKING, SAILING, written

RECIPE = """
recipe: choosy
seed: 7
steps:
  notes: {step: curate, sources: [{type: jsonl, path: notes.jsonl}]}
  food:
    step: train-classifier
    like: {sources: [{type: jsonl, path: recipes.jsonl}]}
    unlike: notes
    training: {bits: 12}
  corpus:
    step: curate
    sources: [{type: jsonl, path: mixed.jsonl}]
    rules:
      - {type: length, min_chars: 1}
      - {type: classifier, name: food, classifier: food, min_score: 0.5}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    sets = {"recipes": written(COOKING, 300, 1), "notes": written(SAILING, 400, 2)}
    sets["mixed"] = [*written(COOKING, 40, 3), *written(SAILING, 60, 4)]
    for name, texts in sets.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return tmp_path


def read(place: Path, *overrides: str, text: str = RECIPE) -> Recipe:
    (place / "r.yaml").write_text(text)
    return load_recipe(place / "r.yaml", STEPS, overrides=overrides)


def run(recipe: Recipe, workspace: Workspace) -> RunResult:
    nodes = resolve(recipe, workspace, STEPS)
    return run_recipe(recipe, nodes, nodes, workspace, options=RunOptions(workers=1))


def statuses(result: RunResult) -> dict[str, str]:
    return {step.name: step.status for step in result.steps}


def test_a_step_trains_what_another_decides_with(place: Path) -> None:
    workspace = Workspace(place / "ws")
    result = run(read(place), workspace)
    assert statuses(result) == {"notes": "done", "food": "done", "corpus": "done"}, result.to_dict()
    food, corpus = (workspace.open(f"choosy/{name}") for name in ("food", "corpus"))
    assert food.kind == "quality-classifier" and food.manifest.metrics["accuracy"] > 0.9
    assert [(used.role, used.name) for used in food.manifest.inputs] == [
        ("unlike.corpora.0", "choosy/notes@1")
    ]
    assert [(used.role, used.name) for used in corpus.manifest.inputs] == [
        ("rules.1.classifier", "choosy/food@1")
    ]
    assert 50 < corpus.manifest.metrics["dropped"]["food_low"] < 70
    figures = json.loads((corpus.path / "figures.json").read_text())
    assert figures["classifiers"][0]["accuracy"] == food.manifest.metrics["accuracy"]
    assert any(bound["field"] == "min_score" for bound in figures["bounds"])
    above = lineage(workspace, ["choosy/corpus@1"], direction="up")
    assert [node.name for node in above.nodes] == ["choosy/notes@1", "choosy/food@1", "choosy/corpus@1"]
    assert len(read_rules(corpus.manifest.config["rules"])) == 2


def test_another_threshold_scores_nothing_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(place / "ws")
    run(read(place), workspace)
    monkeypatch.setattr(signal, "_loaded", None)  # to score would fail
    again = run(read(place, "steps.corpus.rules.1.min_score=0.2"), workspace)
    assert statuses(again) == {"notes": "reused", "food": "reused", "corpus": "done"}


def test_another_classifier_makes_another_corpus_and_only_its_column(place: Path) -> None:
    workspace = Workspace(place / "ws")
    run(read(place), workspace)
    before = {path: path.stat().st_mtime_ns for path in (place / "ws" / "cache").rglob("*.arrow")}
    again = run(read(place, "steps.food.training.epochs=2"), workspace)
    assert statuses(again) == {"notes": "reused", "food": "done", "corpus": "done"}
    after = {path: path.stat().st_mtime_ns for path in (place / "ws" / "cache").rglob("*.arrow")}
    assert all(after[path] == time for path, time in before.items()), "nothing was read or computed again"
    assert {path.name.partition("-v")[0] for path in after.keys() - before.keys()} == {"signals-quality:food"}
    back = run(read(place), workspace)
    assert set(statuses(back).values()) == {"reused"}


def test_a_classifier_of_another_recipe_is_named_by_its_version(place: Path) -> None:
    workspace = Workspace(place / "ws")
    run(read(place), workspace)
    text = RECIPE.replace("choosy", "other").replace("classifier: food", "classifier: choosy/food@1")
    text = text.replace("0.5", "0.4")
    text = text[: text.index("  notes:")] + text[text.index("  corpus:") :]
    assert statuses(run(read(place, text=text), workspace)) == {"corpus": "done"}
    assert workspace.open("other/corpus").manifest.inputs[0].name == "choosy/food@1"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "classifier: food",
            "classifier: notes",
            "rules.1.classifier needs an artifact of kind 'quality-classifier'",
        ),
        (
            "classifier: food",
            "classifier: foot",
            "there is no step, artifact or alias 'foot'. Did you mean 'food'",
        ),
        ("unlike: notes", "unlike: food", "unlike.corpora.0 needs an artifact of kind 'corpus'"),
    ],
)
def test_a_name_of_something_else_is_refused_before_anything_runs(
    place: Path, before: str, after: str, said: str
) -> None:
    text = RECIPE.replace(before, after)
    with pytest.raises(RecipeError) as error:
        resolve(read(place, text=text), Workspace(place / "ws"), STEPS)
    line = next(n for n, each in enumerate(text.splitlines(), start=1) if after in each)
    assert said in str(error.value)
    assert f"r.yaml:{line}" in str(error.value)


def test_a_rule_without_a_classifier_is_refused_with_its_line(place: Path) -> None:
    with pytest.raises(RecipeError, match="has neither of `classifier` and `path`") as error:
        read(place, text=RECIPE.replace(", classifier: food", ""))
    assert "r.yaml:16" in str(error.value)
