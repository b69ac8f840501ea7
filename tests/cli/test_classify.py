"""`ontogeny classify`, as typed, on a classifier's folder."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe
from tests.cli.conftest import Command
from tests.finetune.test_classifier import LABELS, make_classifier, save


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_bpe(["what does the function return"] * 20, vocab_size=300)


@pytest.fixture
def model(tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "ws"))
    return str(save(make_classifier(tokenizer), tmp_path / "model"))


def test_texts(command: Command, model: str) -> None:
    results = command("classify", model, "the names", "a list", "--json").json["results"]
    assert [result["text"] for result in results] == ["the names", "a list"]
    assert list(results[0]["probabilities"]) == list(LABELS)
    assert results[0]["probability"] == max(results[0]["probabilities"].values())
    assert results[0]["label"] in command("classify", model, "the names").out


def test_a_file_of_many_rows(command: Command, model: str, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([["n", "text"], *([n, f"the list {n % 7}"] for n in range(1500)), ["bad"]])
    said = command("classify", model, "--input", str(source), "--output", str(target), "--json")
    assert said.code == 0
    assert "1 of 1,501 rows cannot be read" in said.err
    assert f"wrote 1,500 rows with their labels to {target}" in said.err
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["n"] for row in rows] == [str(n) for n in range(1500)]
    assert [row["label"] for row in rows] == [result["label"] for result in said.json["results"]]


def test_json_lines_of_a_file(command: Command, model: str, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"body": "the names"}\n')
    arguments = ("classify", model, "--input", str(tmp_path / "in.jsonl"), "--column", "body")
    (result,) = command(*arguments, "--json").json["results"]
    assert command(*arguments, "--output", str(tmp_path / "out.jsonl")).code == 0
    (row,) = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert row == {"body": "the names", **{name: result[name] for name in result if name != "text"}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give texts, or --input FILE, one of the two"),
        (("a", "--input", "in.csv"), "give texts, or --input FILE, one of the two"),
        (("a", "--output", "out.csv"), "--output is for the rows of --input"),
        (("--input", "in.csv"), "there is no file in.csv"),
    ],
)
def test_mistakes(command: Command, model: str, arguments: tuple[str, ...], message: str) -> None:
    said = command("classify", model, *arguments)
    assert said.code == 2
    assert message in said.err


def test_help_has_an_example(command: Command) -> None:
    assert "Example: ontogeny classify" in command("classify", "--help").out
