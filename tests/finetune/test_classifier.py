"""A classifier's folder: out and in again with the same probabilities, and the words for what is no classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ontogeny.core.errors import ArtifactError, UsageError
from ontogeny.finetune.classifier import (
    Classifier,
    ClassifierFolder,
    Description,
    load_classifier,
    load_with_labels,
)
from ontogeny.inference.loading import load_model
from ontogeny.model.config import ModelShape
from ontogeny.model.formats.companions import CLASSIFIER_FILE
from ontogeny.model.head_kinds import HeadKind
from ontogeny.model.heads import add_head, head_of
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.snapshots import WholeModel
from tests.finetune.labelled_data import texts_of
from tests.random_weights import randomise

LABELS = ("cheap", "late", "größer")


def make_classifier(tokenizer: Tokenizer, kind: HeadKind = "single") -> Classifier:
    shape = ModelShape(d_model=16, n_layers=2, n_heads=2, d_ff=32, seq_len=64)
    model = Transformer(shape.resolve(tokenizer.vocab_size))
    add_head(model, classes=len(LABELS), kind=kind)
    randomise(model, 1, std=0.3)
    description = Description(
        kind=kind, labels=LABELS, temperature=1.7, template="say {text}", long_texts="tail", seq_len=20
    )
    return Classifier(model, tokenizer, description)


def save(classifier: Classifier, folder: Path) -> Path:
    ClassifierFolder(WholeModel(classifier.tokenizer), classifier.description).write(classifier.model, folder)
    return folder


@pytest.mark.parametrize("kind", ["single", "multi-label", "ordinal"])
def test_out_and_in(tmp_path: Path, tokenizer: Tokenizer, kind: HeadKind) -> None:
    classifier, (texts, _) = make_classifier(tokenizer, kind), texts_of(40)
    loaded = load_classifier(save(classifier, tmp_path))
    assert loaded.description == classifier.description
    probabilities = classifier.probabilities(texts)
    assert np.array_equal(loaded.probabilities(texts), probabilities)
    one_by_one = np.concatenate([loaded.probabilities([text]) for text in texts[::-1]])[::-1]
    assert np.abs(one_by_one - probabilities).max() < 1e-5


def test_what_is_said_of_a_text(tokenizer: Tokenizer) -> None:
    classifier = make_classifier(tokenizer)
    (said,) = classifier.classify(["the names"])
    assert sum(said.probabilities.values()) == pytest.approx(1)
    assert said.probabilities[str(said.label)] == said.probability == max(said.probabilities.values())
    assert list(said.to_json()) == ["text", "label", "probability", "probabilities"]
    (several,) = make_classifier(tokenizer, "multi-label").classify(["the names"])
    assert several.label == [name for name, chance in several.probabilities.items() if chance >= 0.5]
    assert classifier.classify([]) == []


def test_it_is_a_model_too(tmp_path: Path, tokenizer: Tokenizer) -> None:
    classifier = make_classifier(tokenizer)
    save(classifier, tmp_path)
    assert load_model(tmp_path).generate("the names").text is not None


def test_a_model_for_serving_with_its_labels_where_it_has_any(tmp_path: Path, tokenizer: Tokenizer) -> None:
    classifier = make_classifier(tokenizer)
    loaded, labels = load_with_labels(save(classifier, tmp_path))
    assert loaded.model.config == classifier.model.config
    assert labels is not None
    assert labels(["the names"]) == [said.to_json() for said in classifier.classify(["the names"])]
    (tmp_path / CLASSIFIER_FILE).unlink()
    assert load_with_labels(tmp_path)[1] is None


def test_weights_go_back(tmp_path: Path, tokenizer: Tokenizer) -> None:
    classifier, (texts, _) = make_classifier(tokenizer), texts_of(5)
    before = classifier.probabilities(texts)
    folder = ClassifierFolder(WholeModel(tokenizer), classifier.description)
    folder.write(classifier.model, tmp_path)
    randomise(classifier.model, 9)
    assert not np.allclose(classifier.probabilities(texts), before)
    folder.read_back(classifier.model, tmp_path)
    assert np.array_equal(classifier.probabilities(texts), before)
    assert head_of(classifier.model).classes == len(LABELS)


def test_a_model_that_tells_no_labels(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tells no labels: there is no classifier.json") as caught:
        load_classifier(tmp_path)
    assert caught.value.hint is not None
    assert "ontogeny ls --kind classifier" in caught.value.hint


def test_a_damaged_description(tmp_path: Path, tokenizer: Tokenizer) -> None:
    save(make_classifier(tokenizer), tmp_path)
    (tmp_path / CLASSIFIER_FILE).write_text('{"kind": "single"}')
    with pytest.raises(ArtifactError, match="not the description of a classifier"):
        load_classifier(tmp_path)
