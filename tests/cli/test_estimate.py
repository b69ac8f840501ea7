"""`ontogeny estimate`, as typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.cli.estimate import _value
from ontogeny.estimate.devices import cpu
from ontogeny.model import amx
from ontogeny.recipe import questions
from tests.cli.conftest import Command
from tests.conftest import Life

PROCESSOR = cpu(matmul_flops=1e11, memory_bytes=16e9)
RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(autouse=True)
def _no_measuring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(questions, "this_processor", lambda: PROCESSOR)
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "empty"))


@pytest.mark.parametrize("verb", ["pretrain", "finetune", "serve"])
def test_every_verb_has_help_with_an_example(command: Command, verb: str) -> None:
    helped = command("estimate", verb, "--help")
    assert helped.code == 0
    assert f"Example: ontogeny estimate {verb}" in helped.out


def test_7b_on_64_gpus(command: Command) -> None:
    asked = ("estimate", "pretrain", "--size", "7b", "--gpus", "64", "--gpu", "h100", "--tokens", "2e12")
    told = command(*asked, "--price-per-hour", "2", "--json").json
    figures = told["figures"]
    assert told["fits"]
    assert told["setup"]["gpus"] == 64
    assert figures["peak_bytes"]["value"] < figures["available_bytes"]["value"]
    assert 35 < figures["flops_utilisation"]["value"] < 60
    assert figures["cost"]["value"] == pytest.approx(2 * figures["device_hours"]["value"])
    assert figures["seconds"]["value"] == pytest.approx(2e12 / figures["tokens_per_second"]["value"])
    assert all(figure["formula"] and figure["source"] for figure in figures.values())
    shown = command(*asked)
    assert shown.code == 0
    assert "utilisation (MFU)" in shown.out
    assert "✔ fits" in shown.out


def test_machines_count_as_their_gpus(command: Command) -> None:
    told = command("estimate", "pretrain", "--size", "7b", "--nodes", "8", "--gpu", "h100", "--json").json
    assert told["setup"]["gpus"] == 64
    assert told["figures"]["tokens"]["value"] == pytest.approx(20 * told["figures"]["parameters"]["value"])


def test_what_does_not_fit_is_told_how(command: Command) -> None:
    said = command("estimate", "finetune", "--size", "8b", "--gpu", "rtx4090")
    assert said.code == 0
    assert "✘ does not fit" in said.out
    assert "--lora 16" in said.out
    assert "✔ fits" in command("estimate", "finetune", "--size", "8b", "--gpu", "rtx4090", "--lora", "16").out


def test_serving(command: Command) -> None:
    told = command("estimate", "serve", "--size", "8b", "--type", "q4_k_m", "--gpu", "l40s", "--json").json
    assert told["kind"] == "serve"
    assert told["figures"]["weights_bytes"]["value"] == pytest.approx(4.92e9, rel=0.01)
    shown = command("estimate", "serve", "--size", "70b", "--gpu", "a100").out
    assert "on one a100, f16, 1 row of up to 4,096 tokens, prompts of 512" in shown
    assert "--type q8_0" in shown


def test_a_recipe_says_its_sizes(command: Command) -> None:
    recipe = str(RECIPES / "python-tutor.yaml")
    told = command("estimate", "pretrain", recipe, "--step", "base", "--json").json
    assert told["model"] == "python-tutor/base"
    assert told["setup"]["optimizer"] == "muon"
    assert told["figures"]["tokens"]["value"] == 1500 * 4 * 256
    assert told["figures"]["tokens"] == {
        "value": 1500 * 4 * 256,
        "unit": "tokens",
        "formula": "steps x batch_rows x seq_len",
        "source": "the recipe",
    }
    assert "--step NAME" in command("estimate", "pretrain", recipe).err


def test_a_recipe_can_be_changed_on_the_way(command: Command) -> None:
    recipe = str(RECIPES / "python-tutor.yaml")
    asked = ("estimate", "pretrain", recipe, "--step", "base", "--json")
    told = command(*asked, "--set", "steps.base.train.steps=3000").json
    assert told["figures"]["tokens"]["value"] == 3000 * 4 * 256
    assert command(*asked, "--set", "steps.bass.train.steps=3").code == 2


def test_a_type_that_this_processor_lacks_is_told_at_its_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amx, "has_amx", lambda: False)
    recipe, change = str(RECIPES / "python-tutor.yaml"), "steps.base.train.dtype=bfloat16"
    told = command("estimate", "pretrain", recipe, "--step", "base", "--set", change)
    assert told.code == 2
    assert "--set steps.base.train.dtype: base.train.dtype: bfloat16 is refused on this CPU" in told.err
    assert (
        command("estimate", "pretrain", recipe, "--step", "base", "--set", change, "--gpu", "h100").code == 0
    )


def test_a_run_in_phases_is_told_phase_by_phase(command: Command) -> None:
    train = "{steps: 100, batch_rows: 4, phases: [{until: 60}, {batch_rows: 8, seq_len: 128}]}"
    asked = ("estimate", "pretrain", str(RECIPES / "smoke.yaml"), "--set", f"steps.base.train={train}")
    told = command(*asked, "--json").json
    assert told["setup"]["phases"] == [
        {"steps": 60, "batch_rows": 4, "seq_len": 64},
        {"steps": 40, "batch_rows": 8, "seq_len": 128},
    ]
    figures = told["figures"]
    assert figures["tokens"]["value"] == 60 * 4 * 64 + 40 * 8 * 128
    assert figures["seconds"]["value"] == pytest.approx(100 * figures["step_seconds"]["value"])
    assert told["setup"]["seq_len"] == 128  # of the one that needs most memory
    shown = command(*asked).out
    assert "phase 2: 40 steps of 8 rows of 128 tokens" in shown
    assert "memory is that of the phase that needs most" in shown
    more = command(*asked, "--tokens", "1e6", "--json").json["figures"]
    assert more["tokens"]["value"] == pytest.approx(1e6)
    assert (more["tokens"]["formula"], more["tokens"]["source"]) == ("as given", "--tokens")


def test_what_has_yet_to_be_made_is_named_with_the_cheapest_way_to_it(command: Command) -> None:
    recipe = str(RECIPES / "continue-pretraining.yaml")
    said = command("estimate", "pretrain", recipe, "--set", "steps.smollm2.path=hf:nobody/nothing")
    assert said.code == 2
    assert "the size of adapted cannot be told before smollm2 is there" in said.err
    assert f"make it, which trains nothing: ontogeny run {recipe} --until smollm2;" in said.err
    assert "--until adapted" not in said.err


def test_figures_are_in_words_and_units_that_people_use(command: Command) -> None:
    shown = command("estimate", "pretrain", str(RECIPES / "smoke.yaml")).out
    assert "on this machine's processor, 512 tokens a step, 8 rows of 64 at once, float32, adamw" in shown
    assert "0.0 s" not in shown
    assert " ms" in shown
    assert "the question" not in shown
    assert "devices x time" not in shown  # one machine: the time above it
    shared = command("estimate", "finetune", "--size", "8b", "--gpu", "h100", "--nodes", "1", "--lora", "8")
    assert "on 8 h100" in shared.out
    assert "adapters of rank 8" in shared.out


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (8.5e-5, "85 µs"),
        (0.0123, "12.3 ms"),
        (0.9996, "1.0 s"),
        (1.2, "1.2 s"),
        (90, "1.5 min"),
        (3e5, "3.5 days"),
    ],
)
def test_a_time_has_a_unit_of_its_size(seconds: float, words: str) -> None:
    assert _value(seconds, "s") == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.00042, "price", "0.00042"),
        (0, "price", "0.00"),
        (12.5, "kWh", "12.50 kWh"),
        (72, "rows", "72 rows"),
    ],
)
def test_small_numbers_still_say_something(value: float, unit: str, words: str) -> None:
    assert _value(value, unit) == words


def test_a_config_is_enough(command: Command, life: Life, tmp_path: Path) -> None:
    of_artifact = command("estimate", "pretrain", "--model", "smoke/base", "--gpu", "h100", "--json").json
    config = next((life.workspace / "artifacts" / "smoke").glob("base@*/config.json"))
    of_file = command("estimate", "pretrain", "--model", str(config), "--gpu", "h100", "--json").json
    assert of_artifact["figures"] == of_file["figures"]


def test_a_gguf_file_is_enough(command: Command, life: Life, tmp_path: Path) -> None:
    path = str(tmp_path / "tutor.gguf")
    assert command("export", "smoke/tutor", "--format", "gguf", "--type", "q8_0", "--out", path).code == 0
    of_file = command("estimate", "serve", "--model", path, "--gpu", "h100", "--json").json
    of_artifact = command("estimate", "serve", "--model", "smoke/tutor", "--gpu", "h100", "--json").json
    assert of_file["figures"] == of_artifact["figures"]
    assert not [*(life.workspace / "cache").glob("gguf*/*")]  # nothing was unpacked for it


def test_a_plan_says_what_training_will_need(command: Command) -> None:
    recipe = str(RECIPES / "python-tutor.yaml")
    steps = command("plan", recipe, "--json").json["steps"]
    base = next(step for step in steps if step["name"] == "base")
    assert base["estimate"]["memory_bytes"] > 1e8
    assert base["estimate"]["seconds"] is None  # nothing has measured this machine
    corpus = next(step for step in steps if step["name"] == "corpus")
    assert corpus["estimate"] == {"source": "no run to go by"}
    shown = command("plan", recipe).out
    assert shown.count("`ontogeny estimate` shows the formulas") == 1


def test_a_plan_says_whose_memory_it_tells(command: Command) -> None:
    recipe = str(RECIPES / "python-tutor.yaml")
    said = "the memory of base is that of each process"
    assert said in command("plan", recipe, "--set", "steps.base.train.processes=2").out
    assert said not in command("plan", recipe).out


def test_a_plan_names_what_is_there_without_its_recipe(command: Command, life: Life) -> None:
    shown = command("plan", str(RECIPES / "smoke.yaml"), "--set", "steps.base.train.steps=600").out
    assert "smoke/" not in shown
    assert "tokens@1" in shown
    assert "shows the formulas" not in command("plan", str(RECIPES / "smoke.yaml")).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing says which model"),
        (("--size", "7b", "--model", "./x"), "exclude each other"),
        (("--size", "7b", "--gpus", "64"), "64 GPUs of which kind?"),
        (("--size", "7b", "--gpu", "h101"), "Did you mean 'h100'"),
        (("--size", "7b", "--gpu", "h100", "--gpus", "8", "--nodes", "2"), "--gpus and --nodes"),
        (
            ("--size", "7b", "--gpu", "h100", "--gpus", "64", "--batch-tokens", "1000"),
            "a batch of 1 rows is fewer than the 64 groups",
        ),
        (("--size", "7b", "--step", "base"), "--step is for a recipe, and there is none"),
        (("--size", "7b", "--set", "seed=1"), "--set is for a recipe, and there is none"),
        (("--size", "7b", "--lora", "8"), "--lora is for fine-tuning"),
        (("--model", "./none.gguf"), "cannot be read"),
        (("--size", "7b", "--gpu", "h100", "--optimizer", "sgd"), "no optimizer 'sgd'"),
        (("--size", "7b", "--network-gbps", "100"), "--network-gbps is for GPUs"),
        (("--size", "7b", "--price-per-kwh", "0.3"), "whose power is known"),
        (("--model", "./nowhere/config.json"), "cannot be read"),
    ],
)
def test_nonsense_is_refused(command: Command, arguments: tuple[str, ...], said: str) -> None:
    told = command("estimate", "pretrain", *arguments)
    assert told.code == 2
    assert said in told.err
