"""Examples named where they are used become a step of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.data.examples_settings import ExamplesConfig
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.plan import check_files, resolve
from ontogeny.recipe.schema import Recipe, load_recipe
from ontogeny.recipe.table import STEPS

RECIPE = """
recipe: r
steps:
  corpus: {step: curate, sources: [{type: text, path: x.txt}], held_out_fraction: 0.3}
  tokens: {step: tokenize, corpus: corpus, tokenizer: base}
  base: {step: import-model, path: ./model}
  tuned:
    step: finetune
    model: base
    task: TASK
    train: {epochs: 1, batch_rows: 2}
    data: DATA
"""


def load(tmp_path: Path, data: str, *overrides: str, task: str = "instruct") -> Recipe:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("DATA", data).replace("TASK", task))
    return load_recipe(path, STEPS, overrides=overrides)


def test_a_list_of_files_is_a_step_before_the_one_that_names_it(tmp_path: Path) -> None:
    recipe = load(
        tmp_path,
        "[{path: a.jsonl}, {path: b.json, columns: {completion: answer}}]",
        "steps.corpus.held_out_fraction=0.1",
    )
    assert list(recipe.steps) == ["corpus", "tokens", "base", "tuned-data", "tuned"]
    found = recipe.steps["tuned-data"]
    assert found == ExamplesConfig.model_validate(
        {
            "task": "instruct",
            "source": [{"path": "a.jsonl"}, {"path": "b.json", "columns": {"completion": "answer"}}],
        }
    )
    assert recipe.steps["tuned"].model_dump()["data"] == "tuned-data"
    nodes = {node.name: node for node in resolve(recipe, Workspace(tmp_path / "ws"), STEPS)}
    assert "tuned-data" in nodes["tuned"].parents


def test_a_mapping_has_settings_of_the_step_and_its_source(tmp_path: Path) -> None:
    data = "{path: a.csv, columns: {text: body}, header: [body, label], held_out_fraction: 0.2, leaks: keep}"
    found = load(tmp_path, data, "steps.corpus.held_out_fraction=0.2").steps["tuned-data"]
    assert found == ExamplesConfig.model_validate(
        {
            "task": "instruct",
            "source": {"path": "a.csv", "columns": {"text": "body"}, "header": ["body", "label"]},
            "held_out_fraction": 0.2,
            "leaks": "keep",
        }
    )


def test_the_name_of_a_step_is_left_as_it_is(tmp_path: Path) -> None:
    assert "tuned-data" not in load(tmp_path, "questions").steps


def test_overrides_reach_what_will_be_moved(tmp_path: Path) -> None:
    recipe = load(tmp_path, "{path: a.jsonl}", "steps.tuned.data.path=b.jsonl", "steps.tuned.data.leaks=keep")
    found = recipe.steps["tuned-data"]
    assert isinstance(found, ExamplesConfig)
    assert [source.model_dump()["path"] for source in found.source] == ["b.jsonl"]
    assert found.leaks == "keep"
    assert recipe.where("steps", "tuned-data", "source", "path") == "--set steps.tuned.data.path"


def test_mistakes_have_the_line_where_they_were_made(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"unknown key 'colums' in tuned-data.source.*'columns'") as error:
        load(tmp_path, "\n      path: a.jsonl\n      colums: {text: body}")
    assert str(error.value.where).endswith("r.yaml:14")
    recipe = load(tmp_path, "\n      path: a.jsonl", "steps.corpus.held_out_fraction=0.1")
    nodes = [node for node in resolve(recipe, Workspace(tmp_path / "ws"), STEPS) if node.name == "tuned-data"]
    with pytest.raises(RecipeError, match=r"tuned-data\.source\.path: a\.jsonl: no such file") as error:
        check_files(nodes, recipe)
    assert str(error.value.where).endswith("r.yaml:13")


def test_a_taken_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is one of that name already") as error:
        load(tmp_path, "{path: a.jsonl}\n  tuned-data: {step: import-model, path: ./x}")
    assert "`data: tuned-data`" in str(error.value.hint)


def test_what_is_classified_has_a_share_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    corpus = "corpus: {step: curate, sources: [{type: text, path: x.txt}], held_out_fraction: 0.3}"
    labels = "labels: {step: examples, task: classify, source: {path: a.csv}}"
    path.write_text(f"recipe: r\nsteps:\n  {corpus}\n  {labels}\n")
    assert len(resolve(load_recipe(path, STEPS), Workspace(tmp_path / "ws"), STEPS)) == 2
