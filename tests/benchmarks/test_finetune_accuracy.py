"""What the benchmark of fine-tuning runs, and what it reads out of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.finetune_accuracy import RECIPES, TASKS, figures_of, gsm8k, trec
from benchmarks.measure import ROOT
from ontogeny.recipe.schema import load_recipe
from ontogeny.recipe.table import STEPS

FILES = {
    "trec/TREC.train": b"DESC:manner How did serfdom develop ?\n",
    "trec/TREC.test": b"HUM:ind Who is Ren\xe9e , really ?\n",
    "gsm8k-train/train.jsonl": b'{"question": "1 + 1?", "answer": "2"}\n' * 3,
    "alpaca/alpaca_5000.json": b"[]",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with as much as is read before a run."""
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("name", TASKS)
def test_a_recipe_takes_what_is_set_of_it(name: str, data: Path) -> None:
    task = TASKS[name]
    overrides = task.overrides(data, data)
    recipe = load_recipe(ROOT / RECIPES / f"{task.recipe}.yaml", STEPS, overrides=overrides)
    assert task.step in recipe.steps


def test_questions_stand_below_the_words_of_their_kinds(data: Path) -> None:
    trec(data, data)
    assert (data / "trec-train.csv").read_text() == "label,text\ndescription,How did serfdom develop ?\n"
    assert (data / "trec-test.csv").read_text() == 'label,text\nperson,"Who is Renée , really ?"\n'


def test_of_a_set_of_conversations_the_first_are_taken(data: Path) -> None:
    given = gsm8k(data, data)
    rows = json.loads(Path(given["steps.assistant.data.path"]).read_text())
    assert rows == [{"question": "1 + 1?", "answer": "2"}] * 3


def test_losses_are_told_beside_those_before() -> None:
    metrics = {
        "steps": 30,
        "trainable_parameters": 5,
        "peak_memory_bytes": 7,
        "held_out_examples": 149,
        "held_out_loss": 0.75,
        "held_out_loss_before": 1.0,
        "general_bits_per_byte": 1.01,
        "general_bits_per_byte_before": 1.0,
    }
    figures = figures_of({"metrics": metrics, "spent": {"tokens": {"value": 99.0}}, "report": {}})
    assert figures["tokens"] == 99.0
    assert figures["held-out loss on answers"] == {"before": 1.0, "after": 0.75, "change": -0.25}
    assert figures["general bits per byte"] == {"before": 1.0, "after": 1.01, "change": pytest.approx(0.01)}
