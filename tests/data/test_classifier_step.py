"""The step `train-classifier` by itself: from sources to a folder that `curate` can use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.data.classifier import load_classifier
from ontogeny.data.classifier_step import TRAIN_CLASSIFIER, TrainClassifierConfig, classifier_sources
from ontogeny.data.texts import Texts
from ontogeny.lineage.step import references
from tests.data.conftest import Made, run_step
from tests.data.test_classifier import COOKING, SAILING, written
from tests.notes import Notes


def write(path: Path, texts: list[str], **more: str) -> dict[str, object]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text, **more}) + "\n" for text in texts))
    return {"type": "jsonl", "path": str(path)}


def train(
    folder: Path, like: list[str], unlike: list[str], noted: Notes | None = None, **more: object
) -> Made:
    sources = [write(folder / "like.jsonl", like, license="CC0-1.0")]
    return train_from(folder, sources, unlike, noted, **more)


def train_from(
    folder: Path, like: list[dict[str, object]], unlike: list[str], noted: Notes | None = None, **more: object
) -> Made:
    settings: dict[str, object] = {
        "like": {"sources": like},
        "unlike": {"sources": [write(folder / "unlike.jsonl", unlike)]},
        "training": {"bits": 14},
        **more,
    }
    return run_step(TRAIN_CLASSIFIER, settings, folder, noted=noted)


def test_a_classifier_is_trained_measured_and_shown(tmp_path: Path) -> None:
    made = train(tmp_path, written(COOKING, 400, 1), written(SAILING, 400, 2))
    assert sorted(path.name for path in made.payload.iterdir()) == [
        "classifier.json",
        "classifier.safetensors",
        "figures.json",
        "report.html",
    ]
    metrics = made.outputs.metrics
    assert metrics["examples"] == 800 and 40 < metrics["examples_measured"] < 130
    low, high = metrics["accuracy_interval"]
    assert low <= metrics["accuracy"] <= high and metrics["accuracy"] > 0.95
    assert metrics["auc"] > 0.99 and metrics["calibration_error"] < 0.1 and metrics["log_loss"] < 0.2
    assert made.outputs.licenses == ("CC0-1.0", "unknown")
    classifier = load_classifier(made.payload)
    assert classifier.score(Texts.of(["simmer the onion", "the mast and the rudder"])).round().tolist() == [
        1,
        0,
    ]
    figures = json.loads((made.payload / "figures.json").read_text())
    assert figures["figures"]["accuracy"] == metrics["accuracy"]
    assert figures["examples"]["like"] == {"documents": 400, "drawn": 400}
    page = (made.payload / "report.html").read_text()
    assert "Are its probabilities true?" in page and "simmer" in page
    assert TRAIN_CLASSIFIER.key_metric(metrics) == ("accuracy", metrics["accuracy"])


def test_neither_order_nor_division_of_the_input_matters(tmp_path: Path) -> None:
    like, unlike = written(COOKING, 400, 1), written(SAILING, 400, 2)
    first = train(tmp_path / "first", like, unlike, max_examples=300)
    sources = [write(tmp_path / "b" / f"{n}.jsonl", like[::-1][n::2]) for n in (0, 1)]
    second = train_from(tmp_path / "second", sources, unlike[::-1], max_examples=300)
    names = ("classifier.json", "classifier.safetensors")
    assert [(first.payload / name).read_bytes() for name in names] == [
        (second.payload / name).read_bytes() for name in names
    ]
    assert first.outputs.metrics["examples"] == 600


def test_texts_in_both_sets_count_as_like(tmp_path: Path) -> None:
    noted = Notes()
    like, unlike = written(COOKING, 400, 1), written(SAILING, 400, 2)
    made = train(tmp_path, like, [*unlike, *like[:50]], noted=noted)
    assert made.outputs.metrics["examples"] == 800
    assert "50 texts are in both sets: they count as `like` only" in noted.said
    assert "50 texts in both sets count as like these." in (made.payload / "report.html").read_text()


def test_bad_rows_are_told(tmp_path: Path) -> None:
    noted = Notes()
    path = tmp_path / "x" / "like.jsonl"
    source = write(path, written(COOKING, 400, 1))
    path.write_text(path.read_text() + "{no json\n")
    train_from(tmp_path, [source], written(SAILING, 400, 2), noted, max_bad_fraction=0.1)
    assert "like: 1 unreadable rows were left out" in noted.said


def test_too_few_examples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"`unlike` has too few examples: of 30 texts, \d+ are there"):
        train(tmp_path, written(COOKING, 400, 1), written(SAILING, 30, 2))


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = TrainClassifierConfig.model_validate(
        {"like": "a", "unlike": {"sources": [{"type": "jsonl", "path": str(tmp_path / "none.jsonl")}]}}
    )
    with pytest.raises(RecipeError, match=r"none\.jsonl"):
        classifier_sources(config)


def test_names_stand_for_corpora() -> None:
    config = TrainClassifierConfig.model_validate({"like": "good", "unlike": ["web", "mail"]})
    assert [(each.role, each.name, each.kinds) for each in references(config)] == [
        ("like.corpora.0", "good", ("corpus",)),
        ("unlike.corpora.0", "web", ("corpus",)),
        ("unlike.corpora.1", "mail", ("corpus",)),
    ]


def test_a_set_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="names `corpora`, `sources` or both, and this one has neither"):
        TrainClassifierConfig.model_validate({"like": "good", "unlike": {}})
