"""Sizes are found in the other steps of a recipe, in artifacts, in outside models, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.estimate.devices import GPUS, cpu
from ontogeny.estimate.setup import lora_parameters
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.manifest import Manifest
from ontogeny.lineage.workspace import Workspace
from ontogeny.model.config import ModelShape
from ontogeny.model.formats.huggingface_config import config_to_json
from ontogeny.recipe.schema import Recipe, load_recipe
from ontogeny.recipe.sizes import Sizes, Untold, sizes_of, sizes_of_run, step_to_estimate
from ontogeny.recipe.table import STEPS
from tests.conftest import Life

PROCESSOR = cpu(matmul_flops=1e11, memory_bytes=16e9)
TEXT = """
recipe: r
steps:
  corpus: {step: curate, sources: [{type: python-docs}]}
  tokenizer: {step: train-tokenizer, corpus: corpus, vocab_size: 600}
  tokens: {step: tokenize, corpus: corpus, tokenizer: tokenizer}
  base:
    step: pretrain
    tokens: tokens
    model: {d_model: 64, n_layers: 2, n_heads: 2, seq_len: 128}
    train: {steps: 50, batch_rows: 4}
  more:
    step: pretrain
    tokens: tokens
    init: base
    train: {epochs: 1}
  other:
    step: pretrain
    tokens: gone/tokens
    model: {d_model: 64, n_layers: 2, n_heads: 2}
    train: {steps: 50}
"""
OUTSIDE = """
recipe: r
steps:
  corpus: {{step: curate, sources: [{{type: python-docs}}]}}
  outside: {{step: import-model, path: {path}}}
  tokens: {{step: tokenize, corpus: corpus, tokenizer: outside}}
  adapted:
    step: pretrain
    tokens: tokens
    init: outside
    train: {{steps: 50, batch_rows: 4, seq_len: 32}}
"""


def read(tmp_path: Path, text: str, *overrides: str) -> Recipe:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    return load_recipe(path, STEPS, overrides=overrides)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return read(tmp_path, TEXT)


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "ws")


def in_phases(sizes: Sizes | None) -> list[tuple[float | None, int, int]]:
    assert sizes is not None
    return [(phase.tokens, phase.setup.batch_rows, phase.setup.seq_len) for phase in sizes.phases(PROCESSOR)]


def test_the_vocabulary_stands_with_the_tokenizer(recipe: Recipe, empty: Workspace) -> None:
    sizes = sizes_of(recipe, "base", empty)
    assert sizes.config.vocab_size == 600
    assert in_phases(sizes) == [(50 * 4 * 128, 4, 128)]
    assert (sizes.tokens_rule, sizes.tokens_source) == ("steps x batch_rows x seq_len", "the recipe")


def test_a_model_to_go_on_with_is_found_where_it_was_made(recipe: Recipe, empty: Workspace) -> None:
    base, more = sizes_of(recipe, "base", empty), sizes_of(recipe, "more", empty)
    assert more.config == base.config
    assert in_phases(more) == [(None, 16, 128)]  # an epoch of what has yet to be made


def test_epochs_are_of_the_training_tokens(smoke: Life, tmp_path: Path) -> None:
    recipe = read(tmp_path, TEXT.replace("recipe: r", "recipe: smoke"))
    place = Workspace(smoke.workspace)
    metrics = place.open("smoke/tokens").manifest.metrics
    steps = -(-(metrics["tokens"] - metrics["held_out_tokens"]) // (16 * 128))
    sizes = sizes_of(recipe, "more", place)
    assert sizes.steps == steps
    assert sizes.tokens_source == "smoke/tokens@1"


def test_batches_grow_and_rows_get_longer(tmp_path: Path, empty: Workspace) -> None:
    train = "{steps: 50, batch_rows: 4, phases: [{until: 20}, {until: 40, batch_rows: 8}, {seq_len: 256}]}"
    sizes = sizes_of(read(tmp_path, TEXT, f"steps.base.train={train}"), "base", empty)
    assert in_phases(sizes) == [
        (20 * 4 * 128, 4, 128),
        (20 * 8 * 128, 8, 128),
        (10 * 8 * 256, 8, 256),
    ]
    assert [phase.setup.micro_batch for phase in sizes.phases(PROCESSOR)] == [4, 8, 8]


def test_what_costs_time_or_memory_is_part_of_it(tmp_path: Path, empty: Workspace) -> None:
    train = (
        "{steps: 60, batch_rows: 8, micro_batch_rows: 2, processes: 2, recompute: true, document_mask: true}"
    )
    (phase,) = sizes_of(read(tmp_path, TEXT, f"steps.base.train={train}"), "base", empty).phases(PROCESSOR)
    setup = phase.setup
    assert (setup.micro_batch, setup.gpus, setup.recompute, setup.document_mask) == (2, 2, True, True)
    assert (setup.precision, setup.optimizer) == ("float32", "adamw")
    assert setup.device.peak_flops == PROCESSOR.peak_flops / 2  # shared by two processes


def test_a_processor_rounds_what_it_multiplies_and_stores_float32(tmp_path: Path, empty: Workspace) -> None:
    train = "{steps: 60, dtype: bfloat16}"
    sizes = sizes_of(read(tmp_path, TEXT, f"steps.base.train={train}"), "base", empty)
    on_cpu, on_gpu = (sizes.phases(device)[0].setup for device in (PROCESSOR, GPUS["h100"]))
    assert (on_cpu.precision, on_cpu.rounded) == ("float32", True)
    assert (on_gpu.precision, on_gpu.rounded) == ("bfloat16", False)


def test_what_cannot_be_told_names_what_is_missing(recipe: Recipe, empty: Workspace) -> None:
    with pytest.raises(Untold) as untold:
        sizes_of(recipe, "other", empty)
    assert untold.value.needs == "gone/tokens"


def test_an_outside_model_is_read_where_it_lies(tmp_path: Path, empty: Workspace) -> None:
    config = ModelShape(d_model=64, n_layers=3, n_heads=2, seq_len=64).resolve(300)
    (tmp_path / "model").mkdir()
    described = json.dumps(config_to_json(config, dtype="float32", end_id=0))
    (tmp_path / "model" / "config.json").write_text(described)
    sizes = sizes_of(read(tmp_path, OUTSIDE.format(path=tmp_path / "model")), "adapted", empty)
    assert sizes.config == config
    assert in_phases(sizes) == [(50 * 4 * 32, 4, 32)]
    with pytest.raises(Untold) as untold:
        sizes_of(read(tmp_path, OUTSIDE.format(path="hf:org/none")), "adapted", empty)
    assert untold.value.needs == "outside"


def test_adapters_leave_the_rest_frozen(recipe: Recipe, empty: Workspace, tmp_path: Path) -> None:
    body = (
        "{step: finetune, model: base, task: instruct, data: gone/data, train: {steps: 9, batch_rows: 4},"
        " method: {type: lora, rank: 3, base: nf4}}"
    )
    sizes = sizes_of(read(tmp_path, TEXT, f"steps.tuned={body}"), "tuned", empty)
    assert (sizes.lora_rank, sizes_of(recipe, "base", empty).lora_rank) == (3, None)
    (phase,) = sizes.phases(PROCESSOR)
    assert phase.setup.trained_parameters == lora_parameters(sizes.config, 3)
    assert phase.setup.base == "nf4"


def test_a_step_is_named_where_there_are_several(recipe: Recipe) -> None:
    assert step_to_estimate(recipe, "pretrain", "more") == "more"
    for name, said in ((None, "3 pretrain steps: base, more, other"), ("bass", "Did you mean 'base'")):
        with pytest.raises(UsageError, match=said):
            step_to_estimate(recipe, "pretrain", name)
    with pytest.raises(UsageError, match="no finetune steps"):
        step_to_estimate(recipe, "finetune", None)


def changed(artifact: Artifact, metrics: dict[str, Any], **config: Any) -> Manifest:
    """The manifest of a run with other settings."""
    known = artifact.manifest
    return known.model_copy(update={"config": known.config | config, "metrics": known.metrics | metrics})


def test_a_recorded_run_is_read_back(smoke: Life) -> None:
    base = Workspace(smoke.workspace).open("smoke/base")
    sizes = sizes_of_run(base.manifest, base.path)
    assert in_phases(sizes) == [(60 * 8 * 64, 8, 64)]
    tutor = Workspace(smoke.workspace).open("smoke/tutor")
    assert in_phases(sizes_of_run(tutor.manifest, tutor.path)) == [(30 * 8 * 64, 8, 64)]
    adapted = sizes_of_run(changed(tutor, {}, method={"type": "lora", "rank": 3}), tutor.path)
    assert adapted is not None and adapted.lora_rank == 3
    assert in_phases(sizes_of_run(changed(base, {"steps": 7}), base.path)) == [(7 * 8 * 64, 8, 64)]


def test_a_recorded_run_by_the_dial_has_the_values_it_had_then(smoke: Life) -> None:
    base = Workspace(smoke.workspace).open("smoke/base")
    then = {
        "d_model": 96,
        "head_dim": 32,
        "d_ff": 256,
        "seq_len": 128,
        "batch_tokens": 1024,
        "tokens": 102_400,
    }
    derived = [{"name": name, "value": value} for name, value in then.items()]
    metrics = {"size": derived, "steps": 100}
    sizes = sizes_of_run(changed(base, metrics, model=None, size={"depth": 3}, train={}), base.path)
    assert sizes is not None
    assert (sizes.config.d_model, sizes.config.n_layers, sizes.config.d_ff) == (96, 3, 256)
    assert sizes.train.optimizer.type == "muon"
    assert in_phases(sizes) == [(100 * 8 * 128, 8, 128)]


def test_a_recorded_run_in_phases_that_ended_early_counts_as_far_as_it_went(smoke: Life) -> None:
    base = Workspace(smoke.workspace).open("smoke/base")
    train = {
        "steps": 60,
        "batch_rows": 4,
        "phases": [{"until": 30}, {"until": 50, "batch_rows": 8}, {"seq_len": 128}],
    }
    sizes = sizes_of_run(changed(base, {"steps": 40}, train=train), base.path)
    assert in_phases(sizes) == [(30 * 4 * 64, 4, 64), (10 * 8 * 64, 8, 64)]


@pytest.mark.parametrize(
    ("metrics", "config"),
    [({}, {"model": {"d_model": 0}}), ({}, {"train": {"steps": 60, "gone": 1}}), ({"steps": None}, {})],
)
def test_a_run_of_another_version_is_passed_over(
    smoke: Life, metrics: dict[str, Any], config: dict[str, Any]
) -> None:
    base = Workspace(smoke.workspace).open("smoke/base")
    assert sizes_of_run(changed(base, metrics, **config), base.path) is None
    assert sizes_of_run(base.manifest, base.path.parent) is None  # no model there
