"""Adapters in a workspace: brought in beside their base, located, exported, and taken wherever a model is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import ontogeny
from ontogeny.core.errors import ModelFormatError, RecipeError, UsageError
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.workspace import Workspace
from ontogeny.model.config import ModelShape
from ontogeny.model.config_lora import Lora
from ontogeny.model.formats import huggingface, peft
from ontogeny.model.lora import attach
from ontogeny.model.transformer import Transformer
from ontogeny.recipe.models import locate_model
from ontogeny.recipe.plan import resolve
from ontogeny.recipe.schema import load_recipe
from ontogeny.recipe.single import import_model, run_single
from ontogeny.recipe.table import STEPS
from ontogeny.tokenizer.train import train_bpe
from tests.random_weights import randomise


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace.default(tmp_path / "ws")


@pytest.fixture
def base(place: Workspace, tmp_path: Path) -> Artifact:
    """A model in the workspace."""
    tokenizer = train_bpe(["to be or not to be"] * 3, vocab_size=270)
    shape = ModelShape(d_model=32, n_layers=1, n_heads=2, d_ff=64, seq_len=32)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 1)
    huggingface.save(model, tmp_path / "tiny", tokenizer=tokenizer)
    return import_model(place, str(tmp_path / "tiny"), name="tiny")


@pytest.fixture
def outside(base: Artifact, tmp_path: Path) -> Path:
    """A PEFT folder as others write it."""
    model = huggingface.load(base.path)
    for layer in attach(model, Lora(rank=2), seed=1).values():
        nn.init.normal_(layer.lora_B, std=0.2)
    folder = tmp_path / "adapter"
    peft.save(model, folder, Lora(rank=2), peft.Base("", "", ""))
    (folder / "base.json").unlink()
    return folder


def test_brought_in_beside_its_base(place: Workspace, base: Artifact, outside: Path) -> None:
    artifact = import_model(place, str(outside), name="tuned", base="import/tiny")
    assert artifact.kind == "adapter"
    assert [(one.role, one.name) for one in artifact.manifest.inputs] == [("base", "import/tiny@1")]
    assert artifact.manifest.metrics["layers"] == 7
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (artifact.path / name).read_bytes() == (outside / name).read_bytes()
    located = locate_model("import/tuned", place)
    assert located.folder == artifact.path
    expected = huggingface.load(base.path)
    peft.load_onto(expected, outside)
    loaded = ontogeny.load_model("import/tuned", workspace=place.root, device="cpu")
    idx = torch.arange(9)[None]
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(idx), expected(idx), rtol=0, atol=1e-5)


def test_without_a_base(place: Workspace, base: Artifact, outside: Path) -> None:
    with pytest.raises(UsageError, match="nothing in it says where its base lies") as caught:
        locate_model(str(outside), place)
    assert caught.value.hint is not None
    assert "--base RECIPE/STEP --name NAME" in caught.value.hint
    with pytest.raises(UsageError, match="nothing in it says where its base lies"):
        import_model(place, str(outside), name="tuned")


def test_a_whole_model_has_no_base(place: Workspace, base: Artifact, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no adapter in .*tiny, though `base` is given"):
        import_model(place, str(tmp_path / "tiny"), name="again", base="import/tiny")


def test_a_base_that_is_not_here(place: Workspace, outside: Path) -> None:
    with pytest.raises(RecipeError, match="there is no step, artifact or alias 'import/other'"):
        import_model(place, str(outside), name="tuned", base="import/other")


def test_an_adapter_of_another_base(place: Workspace, base: Artifact, outside: Path) -> None:
    peft.write_base(outside, peft.Base("theirs", "blake3:other", ""))
    with pytest.raises(ModelFormatError, match="this adapter was trained on other weights: those of theirs"):
        import_model(place, str(outside), name="tuned", base="import/tiny")


@pytest.mark.parametrize(
    ("settings", "file"),
    [
        ({"format": "peft"}, "adapter_model.safetensors"),
        ({"format": "huggingface", "type": "f16"}, "model.safetensors"),
        ({"format": "gguf"}, "model.gguf"),
    ],
)
def test_exported_by_a_step(
    place: Workspace, base: Artifact, outside: Path, settings: dict[str, str], file: str
) -> None:
    import_model(place, str(outside), name="tuned", base="import/tiny")
    body = {"step": "export", "model": "import/tuned", **settings}
    artifact = run_single(place, recipe="out", name="there", body=body)
    assert artifact.kind == "export"
    assert (artifact.path / file).stat().st_size == artifact.manifest.metrics["weights_bytes"]
    config = artifact.path / "adapter_config.json"
    if config.exists():
        assert json.loads(config.read_text())["base_model_name_or_path"] == str(base.path)


def test_a_type_has_no_effect_on_adapters(place: Workspace) -> None:
    body = {"step": "export", "model": "x/y", "format": "peft", "type": "f16"}
    with pytest.raises(RecipeError, match="type: f16 has no effect on adapters"):
        run_single(place, recipe="out", name="there", body=body)


def test_a_plan_knows_what_a_method_makes(place: Workspace, base: Artifact, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    lines = [
        "recipe: life",
        "steps:",
        "  tuned: {step: finetune, model: import/tiny, task: instruct, data: questions, method: {type: lora},",
        "          train: {steps: 100}}",
        "  again: {step: finetune, model: tuned, task: instruct, data: questions, train: {steps: 100}}",
        "  questions: {step: examples, source: {type: python-docs-questions}, task: instruct}",
        "  adapter: {step: import-model, path: ./adapter, base: tuned}",
    ]
    recipe.write_text("\n".join(lines[:-1]))
    assert len(resolve(load_recipe(recipe, STEPS), place, STEPS)) == 3
    recipe.write_text("\n".join(lines))
    with pytest.raises(
        RecipeError, match="base needs an artifact of kind 'model', but 'tuned' is of kind 'adapter'"
    ):
        resolve(load_recipe(recipe, STEPS), place, STEPS)


def test_a_slip_in_a_method_is_told_with_its_line(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    body = "{step: finetune, model: a/b, task: instruct, data: c/d, train: {steps: 100}, method: {type: lora, rnk: 8}}"
    recipe.write_text(f"recipe: life\nsteps:\n  tuned: {body}\n")
    with pytest.raises(RecipeError, match=r"unknown key 'rnk' in tuned\.method") as caught:
        load_recipe(recipe, STEPS)
    assert "Did you mean 'rank'" in str(caught.value)
    recipe.write_text(f"recipe: life\nsteps:\n  tuned: {body.replace('type: lora, rnk: 8', 'type: laro')}\n")
    with pytest.raises(RecipeError, match=r"tuned\.method: unknown type 'laro'") as caught:
        load_recipe(recipe, STEPS)
    assert "types are" in str(caught.value)
