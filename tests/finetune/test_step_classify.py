"""`task: classify`: what it refuses, and a whole life of it on a tiny model."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from ontogeny.core.errors import UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.classifier import load_classifier
from ontogeny.finetune.step import FINETUNE, FinetuneConfig
from ontogeny.lineage.step import Context, Outputs
from ontogeny.model.config import ModelShape
from ontogeny.model.formats import huggingface
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.packing import PackingPlan
from ontogeny.train.seen import documents_seen
from tests.finetune.labelled_data import spam_examples, splits_of, texts_of, write_examples
from tests.random_weights import randomise

SETTINGS: dict[str, Any] = {
    "model": "base",
    "task": "classify",
    "data": "mails",
    "classify": {"ask_base": 4},
    "train": {
        "epochs": 8,
        "batch_rows": 8,
        "schedule": {"warmup_steps": 2},
        "optimizer": {"lr": 0.01},
        "eval_every": 20,
        "checkpoint_seconds": 60,
    },
}


class Notes(QuietProgress):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, message: str) -> None:
        self.told.append(message)


def artifact(path: Path, kind: str) -> Any:
    return SimpleNamespace(path=path, name=f"tiny/{path.name}@1", kind=kind, digest=f"blake3:{path.name}")


@pytest.fixture
def inputs(tmp_path: Path, tokenizer: Tokenizer) -> dict[str, Any]:
    shape = ModelShape(d_model=32, n_layers=2, n_heads=2, d_ff=64, seq_len=64, tie_embeddings=False)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    randomise(model, 1)
    root = tmp_path / "artifacts" / "tiny"
    huggingface.save(model, root / "base@1", tokenizer=tokenizer)
    return {
        "model": SimpleNamespace(
            path=root / "base@1", name="tiny/base@1", kind="model", digest="blake3:base"
        ),
        "data": artifact(spam_examples(tmp_path / "mails"), "examples"),
    }


def run(folder: Path, inputs: dict[str, Any], progress: Any = None, **change: Any) -> Outputs:
    config = FinetuneConfig.model_validate({**SETTINGS, **change})
    payload, scratch = folder / "payload", folder / "scratch"
    payload.mkdir(parents=True)
    scratch.mkdir(exist_ok=True)
    return FINETUNE.run(config, inputs, Context(payload, scratch, 5, "cpu", progress or QuietProgress()))


def test_a_classifier_and_its_story(tmp_path: Path, inputs: dict[str, Any]) -> None:
    general = write_examples(
        tmp_path / "corpus", rows={"split": ["held_out"], "group": ["g"], "text": ["a list of names"]}
    )
    inputs["general"] = artifact(general, "corpus")
    metrics = run(tmp_path / "out", inputs, general="corpus").metrics
    payload = tmp_path / "out" / "payload"
    assert {path.name for path in payload.iterdir()} >= {
        "config.json", "model.safetensors", "tokenizer.json", "head.safetensors", "classifier.json",
        "predictions.parquet", "packing.parquet", "metrics.jsonl", "report.html",
    }  # fmt: skip
    assert metrics["accuracy"] > metrics["majority_accuracy"] + 0.1
    assert 0 < metrics["macro_f1"] <= 1
    assert 0 <= metrics["expected_calibration_error"] < 0.3
    if find_spec("sklearn"):
        assert metrics["baseline_accuracy"] > 0.9
    assert metrics["examples_per_second"] > 0
    assert metrics["peak_memory_bytes"] > 0
    assert metrics["general_bits_per_byte"] > 0
    assert metrics["general_bits_per_byte_before"] > 0
    assert (metrics["examples"], metrics["held_out_examples"], metrics["test_examples"]) == (140, 20, 40)
    assert sum(by_part["train"] for by_part in metrics["labels"].values()) == 140
    seen = documents_seen(PackingPlan.load(payload / "packing.parquet"))
    assert sorted(document.doc_id for document in seen) == [
        f"{number:032x}" for number in range(200) if splits_of(200)[number] == "train"
    ]


@pytest.mark.parametrize(
    "method", ["full", {"type": "last-blocks", "blocks": 1}, {"type": "lora", "rank": 4}], ids=str
)
def test_what_is_loaded_says_what_was_written(tmp_path: Path, inputs: dict[str, Any], method: Any) -> None:
    out = tmp_path / "artifacts" / "tiny" / "filter@1"
    metrics = run(out, inputs, method=method).metrics
    table = pq.read_table(out / "payload" / "predictions.parquet")
    assert json.loads((table.schema.metadata or {})[b"labels"]) == ["ham", "spam"]
    payload = (out / "payload").rename(out.parent / "payload@1")
    classifier = load_classifier(payload)
    assert classifier.description.temperature == metrics["temperature"]
    written = np.array(table.column("probabilities").to_pylist())
    assert np.abs(classifier.probabilities(table.column("text").to_pylist()) - written).max() < 1e-5
    right = [
        a == b for a, b in zip(*(table.column(n).to_pylist() for n in ("label", "predicted")), strict=True)
    ]
    assert np.mean(right) == metrics["accuracy"]


def test_the_kind_of_the_artifact() -> None:
    for method in ("full", {"type": "lora"}):
        assert FINETUNE.kind_of(FinetuneConfig.model_validate({**SETTINGS, "method": method})) == "classifier"


def test_a_resumed_step_tells_the_same(tmp_path: Path, inputs: dict[str, Any]) -> None:
    train = {**SETTINGS["train"], "epochs": 1, "checkpoint_seconds": 0}
    first = run(tmp_path / "out", inputs, train=train).metrics
    weights = (tmp_path / "out" / "payload" / "head.safetensors").read_bytes()
    (tmp_path / "out" / "payload").rename(tmp_path / "lost")  # killed after training, before it was published
    again = run(tmp_path / "out", inputs, train=train).metrics
    assert (tmp_path / "out" / "payload" / "head.safetensors").read_bytes() == weights
    for name in ("accuracy", "temperature", "base_accuracy", "calibration", "held_out_loss"):
        assert again[name] == first[name]


def test_the_best_weights_become_the_classifier(tmp_path: Path, inputs: dict[str, Any]) -> None:
    train = {**SETTINGS["train"], "epochs": 12, "eval_every": 3, "optimizer": {"lr": 0.05}}
    train |= {"keep": {"best": True}, "early_stopping": {"patience": 4}}
    metrics = run(tmp_path / "out", inputs, train=train).metrics
    payload = tmp_path / "out" / "payload"
    lines = [json.loads(line) for line in (payload / "metrics.jsonl").read_text().splitlines()]
    best = min((line for line in lines if "held_out_loss" in line), key=lambda line: line["held_out_loss"])
    assert metrics["steps"] == best["step"]
    assert metrics["held_out_loss"] == pytest.approx(best["held_out_loss"], rel=1e-4)
    if metrics["steps"] != metrics.get("steps_run", metrics["steps"]):
        snapshot = payload / "checkpoints" / f"{metrics['steps_run']:06d}"
        assert load_classifier(snapshot).description.temperature == 1.0


def test_without_scikit_learn(
    tmp_path: Path, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    progress = Notes()
    train = {**SETTINGS["train"], "epochs": 1}
    metrics = run(tmp_path / "out", inputs, progress, classify={"ask_base": 0}, train=train).metrics
    assert metrics["baseline_accuracy"] is None
    assert any("needs scikit-learn" in line and "pip install" in line for line in progress.told)


def test_ordinal_labels(tmp_path: Path, inputs: dict[str, Any]) -> None:
    texts, gold = texts_of(200)
    labels = [str(each + 2 * (len(text) > 40)) for text, each in zip(texts, gold, strict=True)]
    rows = {"split": splits_of(200), "text": texts, "label": labels}
    inputs["data"] = artifact(write_examples(tmp_path / "stars", rows=rows), "examples")
    metrics = run(tmp_path / "out", inputs, classify={"kind": "ordinal", "ask_base": 0}).metrics
    assert metrics["mean_absolute_error"] < 1.5
    assert 0 <= metrics["baseline_mean_absolute_error"] < 1.5
    assert "places off" in (tmp_path / "out" / "payload" / "report.html").read_text()
    assert list(metrics["labels"]) == ["0", "1", "2", "3"]


def test_several_labels(tmp_path: Path, inputs: dict[str, Any]) -> None:
    texts, gold = texts_of(200)
    labels = [
        ["number"] * each + ["names"] * ("names" in text) for text, each in zip(texts, gold, strict=True)
    ]
    rows = {
        "split": splits_of(200),
        "text": texts,
        "label": ["|".join(own) for own in labels],
        "labels": labels,
    }
    inputs["data"] = artifact(write_examples(tmp_path / "tags", rows=rows), "examples")
    metrics = run(tmp_path / "out", inputs, classify={"kind": "multi-label"}).metrics
    assert metrics["accuracy"] > metrics["majority_accuracy"]
    assert metrics["baseline_accuracy"] > metrics["majority_accuracy"]
    assert 0 < metrics["macro_f1"] <= 1 and 0 < metrics["micro_f1"] <= 1
    page = (tmp_path / "out" / "payload" / "report.html").read_text()
    assert "Was it worth it?" in page and "most frequent set" in page and "wholly right" in page
    assert "What is taken for what" not in page


def test_what_is_told_beforehand(tmp_path: Path, inputs: dict[str, Any]) -> None:
    texts = ["the names " * 40, *(f"a list {number}" for number in range(39))]
    labels = ["spam", "spam", *["ham"] * 37, "odd"]
    split = ["train"] * 30 + ["held_out"] * 5 + ["test"] * 5
    data = write_examples(tmp_path / "few", rows={"split": split, "text": texts, "label": labels})
    inputs["data"] = artifact(data, "examples")
    progress = Notes()
    metrics = run(
        tmp_path / "out", inputs, progress, classify={"ask_base": 0}, train={**SETTINGS["train"], "epochs": 2}
    ).metrics
    told = "\n".join(progress.told)
    assert "3 labels, in this order: ham 28, odd 0, spam 2" in told
    assert "no example to learn from has 'odd', so texts of it are got wrong" in told
    assert "has 14 times the texts of the rarest" in told
    assert "1 text is too long, of which the head-tail is read" in told
    assert (metrics["truncated"], metrics["truncated_to"]) == (1, "head-tail")


def test_class_weights(tmp_path: Path, inputs: dict[str, Any]) -> None:
    train = {**SETTINGS["train"], "epochs": 1}
    balanced = run(
        tmp_path / "out", inputs, classify={"class_weights": "balanced", "ask_base": 0}, train=train
    ).metrics
    count = {name: by_part["train"] for name, by_part in balanced["labels"].items()}
    assert balanced["class_weights"]["spam"] == pytest.approx(140 / (2 * count["spam"]))
    given = {"class_weights": {"ham": 1.0, "spams": 3.0}}
    with pytest.raises(UsageError, match=r"label 'spams', which no example has. Did you mean 'spam'\?"):
        run(tmp_path / "no", inputs, classify=given)
    with pytest.raises(UsageError, match="label 'spam', is missing") as caught:
        run(tmp_path / "nor", inputs, classify={"class_weights": {"ham": 1.0}})
    assert caught.value.hint == "give one for each of ham, spam, or `balanced`"


def test_settings_without_effect_are_refused() -> None:
    with pytest.raises(ValidationError, match="`classify` has no effect on `task: instruct`"):
        FinetuneConfig.model_validate({**SETTINGS, "task": "instruct"})
    with pytest.raises(ValidationError, match=r"`train.z_loss` is about a vocabulary"):
        FinetuneConfig.model_validate({**SETTINGS, "train": {**SETTINGS["train"], "z_loss": 1e-4}})
    with pytest.raises(ValidationError, match="the template must say once where the text stands"):
        FinetuneConfig.model_validate({**SETTINGS, "classify": {"template": "Label:"}})
    train = {**SETTINGS["train"], "processes": 2}
    with pytest.raises(ValidationError, match="`task: classify` trains in one process"):
        FinetuneConfig.model_validate({**SETTINGS, "train": train})
