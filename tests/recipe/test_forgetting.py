"""A tuned model that forgot: published, refused, held back, not promoted; and refused again when it is reused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ontogeny.core.errors import GateRefused, RecipeError
from ontogeny.lineage.registry import promote
from ontogeny.lineage.workspace import Workspace
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from ontogeny.recipe.plan import resolve
from ontogeny.recipe.run import RunOptions, RunResult, run_recipe
from ontogeny.recipe.schema import Recipe, load_recipe
from ontogeny.recipe.table import STEPS
from ontogeny.tokenizer.train import train_bpe
from tests.random_weights import randomise

RECIPE = """
recipe: life
seed: 7
steps:
  corpus: {step: curate, sources: [{type: jsonl, path: notes.jsonl}], held_out_fraction: 0.5}
  base: {step: import-model, path: ./tiny}
  talks: {step: examples, task: instruct, source: {path: talks.jsonl}, held_out_fraction: 0.5}
  tutor:
    step: finetune
    model: base
    task: instruct
    data: talks
    template: alpaca
    general: corpus
    forgetting: {margin: 0.0, blocks: [public]}
    train: {epochs: 8, batch_rows: 4, optimizer: {lr: 0.05}}
  public: {step: export, model: tutor}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Notes in letters that no conversation has, conversations, and a model."""
    monkeypatch.chdir(tmp_path)
    notes = [{"text": f"ZQ {n} XJ {n * n} KV"} for n in range(80)]
    talks = [
        {"messages": [{"role": "user", "content": f"say {n}"}, {"role": "assistant", "content": f"done {n}"}]}
        for n in range(40)
    ]
    for name, rows in (("notes", notes), ("talks", talks)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokenizer = train_bpe(["say done instruction response below is a"] * 3, vocab_size=290)
    shape = ModelShape(d_model=16, n_layers=1, n_heads=2, d_ff=32, seq_len=128)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 1)
    huggingface.save(model, tmp_path / "tiny", tokenizer=tokenizer)
    return tmp_path


def read(place: Path, *overrides: str) -> Recipe:
    (place / "r.yaml").write_text(RECIPE)
    return load_recipe(place / "r.yaml", STEPS, overrides=overrides)


def run(recipe: Recipe, workspace: Workspace) -> RunResult:
    nodes = resolve(recipe, workspace, STEPS)
    return run_recipe(recipe, nodes, nodes, workspace, options=RunOptions(workers=1))


def test_a_model_that_forgot_goes_nowhere(place: Path) -> None:
    workspace = Workspace(place / "ws")
    result = run(read(place), workspace)
    statuses = {step.name: step.status for step in result.steps}
    assert statuses | {"tutor": "refused", "public": "skipped"} == statuses, result.to_dict()
    assert result.exit_code == 3
    tutor = workspace.open("life/tutor")
    (verdict,) = tutor.manifest.verdicts
    assert verdict.model_digest == tutor.digest
    with pytest.raises(
        GateRefused, match=r"life/tutor@1 is held back by forgetting \(bits per byte of general text"
    ):
        promote(workspace, "life/tutor", "production")
    again = run(read(place), workspace)
    assert {step.name: step.status for step in again.steps}["tutor"] == "refused" and again.exit_code == 3
    assert promote(workspace, "life/tutor", "production", reason="I know")["to"] == "life/tutor@1"


def test_a_blocked_step_must_be_there(place: Path) -> None:
    recipe = read(place, "steps.tutor.forgetting.blocks=[publik]")
    with pytest.raises(
        RecipeError, match=r"a gate blocks 'publik', which is no step\. Did you mean"
    ) as caught:
        resolve(recipe, Workspace(place / "ws"), STEPS)
    assert "r.yaml" in str(caught.value.where) or "blocks" in str(caught.value.where)


def test_a_classifier_is_no_model_that_writes(place: Path) -> None:
    (place / "r.yaml").write_text(
        RECIPE.replace("instruct", "classify").replace("    template: alpaca\n", "")
    )
    recipe = load_recipe(place / "r.yaml", STEPS)
    with pytest.raises(
        RecipeError, match=r"model needs an artifact of kind .* but 'tutor' is of kind 'classifier'"
    ) as caught:
        resolve(recipe, Workspace(place / "ws"), STEPS)
    assert "`ontogeny classify` uses it" in str(caught.value.hint)
    assert "steps that make one: base" in str(caught.value.hint)
