"""The recipes and templates for tuning, run whole with a tiny model and nothing but a path of the user's."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.train import train_bpe
from tests.cli.conftest import Command
from tests.cli.test_recipes import small, stories
from tests.conftest import ROOT
from tests.random_weights import randomise


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with a model of one layer; commands run beside it, in a workspace of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "ws"))
    tokenizer = train_bpe([*stories(20), "see you at the baker, win a prize now"], vocab_size=320)
    shape = ModelShape(d_model=32, n_layers=1, n_heads=2, d_ff=64, seq_len=128)
    tiny = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(tiny, 1)
    huggingface.save(tiny, tmp_path / "tiny", tokenizer=tokenizer)
    return str(tmp_path / "tiny")


def messages(count: int) -> list[list[str]]:
    """Rows of label and text, of which two words tell the one from the other."""
    kinds = (("spam", "win a prize now, call"), ("ham", "see you at the baker"))
    return [[label, f"{words} {number}"] for number in range(count // 2) for label, words in kinds]


def write_csv(path: Path, header: list[str], rows: list[list[str]]) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def conversations(path: Path, count: int) -> str:
    rows = [{"question": f"Where is {n}?", "answer": f"In town {n % 5}."} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


LITTLE = {"epochs": 2, "batch_rows": 8, "seq_len": 128, "eval_every": 4}


@pytest.mark.parametrize(
    ("recipe", "step", "columns"),
    [("spam-filter", "filter", ["v1", "v2"]), ("intents", "intents", ["category", "text"])],
)
def test_a_classifier_from_nothing_but_a_path(
    command: Command, model: str, tmp_path: Path, recipe: str, step: str, columns: list[str]
) -> None:
    path = write_csv(tmp_path / "mine.csv", columns, messages(60))
    changes = {
        f"{step}.model": model,
        f"{step}.data.path": path,
        f"{step}.train": LITTLE,
        f"{step}.method": {"type": "lora"},
        f"{step}.classify.ask_base": 4,
    }
    done = command("run", str(ROOT / "recipes" / f"{recipe}.yaml"), "--json", *small(changes))
    assert done.code == 0, done.err
    assert f"text: the column '{columns[1]}'" in done.err or columns[1] == "text"
    assert f"label: the column '{columns[0]}'" in done.err
    assert "ine-tuning was" in done.err
    metrics = done.json["steps"][-1]["metrics"]
    assert metrics["test_examples"] == 12
    assert metrics["trainable_parameters"] < metrics["parameters"]
    said = command("classify", f"{recipe}/{step}", "win a prize now", "--json").json["results"]
    assert list(said[0]["probabilities"]) == ["ham", "spam"]
    exported = command("export", f"{recipe}/{step}", "--format", "gguf", "--out", str(tmp_path / "x.gguf"))
    assert "its head and its labels have no place there" in exported.err


def test_an_assistant_from_nothing_but_a_path(command: Command, model: str, tmp_path: Path) -> None:
    changes = {
        "base.path": model,
        "general.sources": [{"type": "jsonl", "path": str(tmp_path / "general.jsonl")}],
        "general.rules": [],
        "general.held_out_fraction": 0.3,
        "assistant.data.held_out_fraction": 0.3,
        "assistant.data.path": conversations(tmp_path / "mine.jsonl", 60),
        "assistant.train": LITTLE,
        "assistant.forgetting.margin": 9.0,
        "report.suites.0": {"type": "samples", "data": "assistant-data", "n": 2, "max_new_tokens": 4},
    }
    rows = [{"text": text} for text in stories(100)]
    (tmp_path / "general.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = command("run", str(ROOT / "recipes" / "support-assistant.yaml"), "--json", *small(changes))
    assert done.code == 0, done.err
    metrics = {step["name"]: step["metrics"] for step in done.json["steps"]}
    assert metrics["assistant"]["held_out_loss"] < metrics["assistant"]["held_out_loss_before"]
    assert metrics["assistant"]["general_bits_per_byte"] > 0
    assert metrics["assistant"]["replayed_examples"] > 0
    read = command("seen", "support-assistant/assistant", "--json").json
    assert {row["source"] for row in read} == {"mine", "general"}
    assert list(tmp_path.glob("ws/artifacts/support-assistant/gguf@1/*.gguf"))


@pytest.mark.parametrize(
    ("template", "step"), [("classify", "classifier"), ("finetune", "assistant")], ids=str
)
def test_a_template_for_tuning_needs_only_a_path(
    command: Command, model: str, tmp_path: Path, template: str, step: str
) -> None:
    said = command("init", "mine", "--template", template).out
    needed = said.split("--set ")[1].split("=")[0]
    assert needed == f"steps.{step}.data.path"
    assert f"--set {needed}=" in Path("mine.yaml").read_text()
    missing = command("run", "mine.yaml")
    assert missing.code == 2
    assert "mine.yaml:" in missing.err
    if template == "classify":
        path = write_csv(tmp_path / "mine.csv", ["label", "text"], messages(60))
        changes = {"classifier.model": model, "classifier.classify.ask_base": 0}
    else:
        path = conversations(tmp_path / "mine.jsonl", 60)
        changes = {"base.path": model, "report.suites.0.max_new_tokens": 4}
    changes[f"{step}.train"] = LITTLE
    done = command("run", "mine.yaml", "--json", "--set", f"{needed}={path}", *small(changes))
    assert done.code == 0, done.err
