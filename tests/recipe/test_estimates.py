"""A plan says what a step will take only as far as an earlier version, or a formula, speaks for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ontogeny.core import hardware
from ontogeny.estimate.devices import AMX_GAIN
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.manifest import Manifest
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.estimates import Here, _spent, fill_estimates
from ontogeny.recipe.plan import make_plan, resolve
from ontogeny.recipe.run import RunOptions, run_recipe
from ontogeny.recipe.schema import load_recipe
from ontogeny.recipe.table import STEPS
from tests.conftest import Life
from tests.recipe.conftest import TABLE

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"
CHAIN = (
    "recipe: demo\nsteps:\n"
    "  a: {step: make, text: hello}\n"
    "  b: {step: join, parts: [a]}\n"
    "  c: {step: join, parts: [b]}\n"
)
Said = Callable[..., dict[str, Any]]


@pytest.fixture
def said(write, workspace: Workspace) -> Said:
    """What a plan says of every step of `CHAIN`, after it ran once."""

    def plan(*overrides: str, rerun: tuple[str, ...] = (), table: Any = TABLE) -> dict[str, Any]:
        recipe = write(CHAIN, *overrides)
        planned = make_plan(resolve(recipe, workspace, table), workspace, device="cpu", rerun=rerun)
        fill_estimates(planned, recipe, workspace, device="cpu")
        return {one.node.name: one.estimate for one in planned}

    assert {name: told["source"] for name, told in plan().items()} == dict.fromkeys("abc", "no run to go by")
    recipe = write(CHAIN)
    nodes = resolve(recipe, workspace, TABLE)
    run_recipe(recipe, nodes, nodes, workspace, options=RunOptions())
    return plan


def sources(told: dict[str, Any]) -> dict[str, str]:
    return {name: estimate.get("source", "") for name, estimate in told.items()}


def test_what_is_reused_takes_nothing(said: Said) -> None:
    assert said() == {"a": {}, "b": {}, "c": {}}


def test_the_same_work_takes_what_it_took(said: Said) -> None:
    told = said("seed=5")
    assert told["a"].keys() == {"seconds", "memory_bytes", "disk_bytes", "cost", "source"}
    assert sources(told) == {
        "a": "measured in demo/a@1",
        "b": "demo/b@1, inputs may differ",
        "c": "demo/c@1, inputs may differ",
    }
    assert sources(said(rerun=("b",)))["b"] == "measured in demo/b@1"


def test_other_settings_and_other_inputs_are_told(said: Said, workspace: Workspace, write) -> None:
    assert sources(said("steps.a.text=hi"))["a"] == "demo/a@1, other settings"
    assert sources(said("steps.b.separator=_"))["b"] == "demo/b@1, other settings"
    assert sources(said("steps.a.workers=3")) == {"a": "", "b": "", "c": ""}
    recipe = write(CHAIN, "steps.a.text=hi")
    nodes = resolve(recipe, workspace, TABLE)
    run_recipe(recipe, nodes, nodes[:1], workspace, options=RunOptions())
    assert sources(said("steps.a.text=hi"))["b"] == "demo/b@1, other inputs"


def test_another_machine_is_told(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "thread_count", lambda: 1000)
    assert sources(said("seed=5"))["a"] == "demo/a@1, other machine"


def test_a_step_of_another_kind_that_had_the_name_says_nothing(said: Said) -> None:
    assert sources(said("steps.b={step: make, text: x}"))["b"] == "no run to go by"


@pytest.fixture
def base(smoke: Life, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """The recorded run of recipes/smoke.yaml, on what counts as this machine."""
    manifest = Workspace(smoke.workspace).open("smoke/base").manifest
    monkeypatch.setattr(hardware, "thread_count", lambda: manifest.threads)
    return manifest


def of_smoke(smoke: Life, step: str, *overrides: str) -> dict[str, Any]:
    recipe = load_recipe(SMOKE, STEPS, overrides=overrides)
    place = Workspace(smoke.workspace)
    planned = make_plan(resolve(recipe, place, STEPS), place, device="cpu")
    fill_estimates(planned, recipe, place, device="cpu")
    return next(one.estimate for one in planned if one.node.name == step)


def spent(manifest: Manifest, name: str) -> float:
    return float(manifest.spent[name]["value"])


def test_a_training_of_the_same_size_takes_what_it_took(smoke: Life, base: Manifest) -> None:
    for override in ("steps.base.train.optimizer.lr=0.003", "seed=5", "steps.base.train.log_every=7"):
        told = of_smoke(smoke, "base", override)
        assert told["seconds"] == pytest.approx(spent(base, "seconds"), abs=1e-3)
        assert told["memory_bytes"] == spent(base, "peak_memory_bytes")
    assert (
        of_smoke(smoke, "base", "steps.base.train.optimizer.lr=0.003")["source"] == "measured in smoke/base@1"
    )
    assert told["disk_bytes"] == sum(file.bytes for file in base.files)


def test_the_rate_of_rounded_products_is_not_taken_for_that_of_float32(smoke: Life, base: Manifest) -> None:
    plain, rounded = (Here(Workspace(smoke.workspace), "cpu") for _ in range(2))
    config = {**base.config, "train": {**base.config["train"], "dtype": "bfloat16"}}
    pretrained = Artifact(Path(), base.model_copy(update={"config": config}))
    rounded.__dict__["models"] = [pretrained]
    plain.__dict__["models"] = [Artifact(Path(), base)]
    assert plain.known is not None
    assert rounded.known is not None
    assert rounded.known.peak_flops == plain.known.peak_flops / AMX_GAIN


def test_a_longer_training_is_scaled(smoke: Life, base: Manifest) -> None:
    told = of_smoke(smoke, "base", "steps.base.train.steps=6000")
    assert told["source"] == "scaled from smoke/base@1"
    training = base.metrics["seconds"]
    assert told["seconds"] == pytest.approx(spent(base, "seconds") + 99 * training, abs=1e-3)
    assert told["memory_bytes"] == spent(base, "peak_memory_bytes")


def test_a_larger_model_takes_longer_and_more_room(smoke: Life, base: Manifest) -> None:
    small, large = (
        of_smoke(smoke, "base", f"steps.base.model.n_layers={layers}", "seed=5") for layers in (2, 8)
    )
    for name in ("seconds", "memory_bytes", "disk_bytes"):
        assert large[name] > small[name]
    assert large["source"] == "scaled from smoke/base@1"


def test_tuning_goes_by_the_tuning_before(smoke: Life, base: Manifest) -> None:
    tutor = Workspace(smoke.workspace).open("smoke/tutor").manifest
    told = of_smoke(smoke, "tutor", "steps.tutor.train.steps=300")
    assert told["source"] == "scaled from smoke/tutor@1"
    expected = spent(tutor, "seconds") + 9 * tutor.metrics["seconds"]
    assert told["seconds"] == pytest.approx(expected, abs=1e-3)


def test_adapters_take_less_time_and_room_than_all_weights(smoke: Life, base: Manifest) -> None:
    whole, adapters = (
        of_smoke(smoke, "tutor", *more, "steps.tutor.train.steps=300")
        for more in ((), ("steps.tutor.method={type: lora, rank: 1}",))
    )
    assert adapters["source"] == "scaled from smoke/tutor@1"
    for name in ("seconds", "memory_bytes", "disk_bytes"):
        assert adapters[name] < whole[name]


def test_a_training_that_never_ran_goes_by_formulas_and_runs_of_its_size(
    smoke: Life, base: Manifest, tmp_path: Path
) -> None:
    text = SMOKE.read_text().replace("recipe: smoke", "recipe: other")
    (tmp_path / "r.yaml").write_text(text)

    def told(*overrides: str) -> dict[str, Any]:
        recipe = load_recipe(tmp_path / "r.yaml", STEPS, overrides=overrides)
        place = Workspace(smoke.workspace)
        planned = make_plan(resolve(recipe, place, STEPS), place, device="cpu")
        fill_estimates(planned, recipe, place, device="cpu")
        return next(one.estimate for one in planned if one.node.name == "base")

    near = told("seed=5")
    assert near["source"] == "formulas and 1 run"
    assert near["seconds"] == pytest.approx(
        base.metrics["tokens"] / base.metrics["tokens_per_second"], rel=1e-3
    )
    assert near["memory_bytes"] > near["disk_bytes"]
    assert told("steps.base.train.batch_rows=800")["source"] == "formulas"
    unknown = told("steps.base.train={epochs: 1}")
    assert (unknown["source"], unknown["seconds"]) == ("formulas", None)


def test_a_training_on_another_kind_of_device_goes_by_formulas(smoke: Life, base: Manifest) -> None:
    recipe = load_recipe(SMOKE, STEPS, overrides=["seed=5"])
    place = Workspace(smoke.workspace)
    planned = make_plan(resolve(recipe, place, STEPS), place, device="cpu")
    fill_estimates(planned, recipe, place, device="cuda")
    found = {one.node.name: one.estimate for one in planned}
    assert found["base"]["source"] == "formulas"
    assert found["base"]["seconds"] is None
    assert found["base"]["memory_bytes"] > 1e9  # what CUDA's libraries hold


def test_memory_of_a_training_on_a_gpu_is_the_gpus(smoke: Life, base: Manifest) -> None:
    artifact = Workspace(smoke.workspace).open("smoke/base")
    on_gpu = base.model_copy(update={"device": "cuda", "metrics": base.metrics | {"peak_memory_bytes": 7e9}})
    assert _spent(replace(artifact, manifest=on_gpu)).memory_bytes == 8.5e9
    assert _spent(artifact).memory_bytes == spent(base, "peak_memory_bytes")
