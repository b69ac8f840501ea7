"""`init`, `plan` and `run`, as typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.recipe.schema import load_recipe
from ontogeny.recipe.table import STEPS
from tests.cli.conftest import Command
from tests.conftest import ROOT, SMOKE, Life


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "ws"))


@pytest.mark.parametrize("template", ["pretrain", "finetune"])
def test_a_template_is_a_recipe(command: Command, template: str) -> None:
    assert command("init", "mine", "--template", template).code == 0
    recipe = load_recipe(Path("mine.yaml"), STEPS)
    assert recipe.name == "mine"
    assert "#" in Path("mine.yaml").read_text()


def test_init_refuses_what_it_cannot_mean(command: Command) -> None:
    assert command("init", "mine").code == 0
    again = command("init", "mine")
    assert again.code == 2
    assert "mine.yaml exists already" in again.err
    assert "Did you mean 'finetune'" in command("init", "b", "--template", "fientune").err
    assert command("init", "a/b").code == 2


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.name)
def test_every_recipe_can_be_planned(command: Command, recipe: Path) -> None:
    planned = command("plan", str(recipe), "--json")
    assert planned.code == 0, planned.err
    assert {step["status"] for step in planned.json["steps"]} <= {"to-run", "unknown"}
    assert "to-run" in command("plan", str(recipe)).out


def test_a_second_run_reuses_every_step(command: Command, life: Life) -> None:
    again = command("run", str(SMOKE), "--json")
    assert again.code == 0, again.err
    assert {step["status"] for step in again.json["steps"]} == {"reused"}
    assert Path(again.json["report"]).is_file()
    table = command("run", str(SMOKE))
    assert "held out bits per byte" in table.out
    assert "report:" in table.out


def test_a_changed_option_reruns_only_what_depends_on_it(command: Command, life: Life) -> None:
    planned = command("plan", str(SMOKE), "--set", "steps.tutor.train.steps=31", "--json").json
    statuses = {step["name"]: step["status"] for step in planned["steps"]}
    assert {name for name, status in statuses.items() if status != "reused"} == {"tutor", "report", "export"}
    assert statuses["tutor"] == "to-run"
    assert next(step for step in planned["steps"] if step["name"] == "tutor")["estimate"]["seconds"] > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("steps.base.model.n_heads=7", "n_heads (7) does not divide d_model (64)"),
        ("steps.base.modle={}", "unknown key 'modle' in base. Did you mean 'model'?"),
        ("steps.base.train.steps=many", "base.train.steps"),
        ("steps.base.tokens=corpus", "tokens needs a tokens, but 'corpus' is a corpus"),
        ("steps.corpus.sources.0.type=pythondocs", "sources.0"),
        ("steps.tokenizer.vocab_size=100", "greater than or equal to 259"),
        ("steps.corpus.held_out_fraction=0.3", "held_out_fraction is"),
    ],
)
def test_a_wrong_recipe_is_refused_before_anything_runs(command: Command, change: str, said: str) -> None:
    refused = command("run", str(SMOKE), "--set", change)
    assert refused.code == 2
    assert said in refused.err.replace("\n", " ")
    assert "Traceback" not in refused.err
    assert not Path("ws").exists()


def test_a_missing_input_file_is_refused(command: Command, tmp_path: Path) -> None:
    refused = command(
        "run",
        str(SMOKE),
        "--until",
        "corpus",
        "--set",
        "steps.corpus.sources=[{type: text, path: ./none.txt}]",
    )
    assert refused.code == 2
    assert "none.txt" in refused.err
    assert "Traceback" not in refused.err


def test_a_sequence_longer_than_the_data_is_refused_as_the_first_act(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "short.txt").write_text("A few words only, so that there is little to learn from.\n" * 3)
    Path("short.yaml").write_text(
        "recipe: short\nsteps:\n"
        "  corpus: {step: curate, held_out_fraction: 0, sources: [{type: text, path: ./short.txt}]}\n"
        "  tokenizer: {step: train-tokenizer, corpus: corpus, vocab_size: 300}\n"
        "  tokens: {step: tokenize, corpus: corpus, tokenizer: tokenizer}\n"
        "  base: {step: pretrain, tokens: tokens, model: {d_model: 32, n_layers: 1, n_heads: 2, seq_len: 4096},"
        " train: {steps: 50}}\n"
    )
    failed = command("run", "short.yaml")
    assert failed.code == 1
    assert "seq_len" in failed.err
    assert "Traceback" not in failed.err


def test_options_that_are_not_there_yet_say_so(command: Command) -> None:
    assert "--executor local" in command("run", str(SMOKE), "--executor", "ray").err
    assert "Did you mean 'corpus'" in command("run", str(SMOKE), "--only", "corpsu").err
    assert command("run", "nowhere.yaml").code == 2
