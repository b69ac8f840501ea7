"""The section on classifiers shows the classifier's own figures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from ontogeny.core.errors import DataError
from ontogeny.data.classifier import Classifier, train_classifier
from ontogeny.data.classifier_settings import Training
from ontogeny.data.report.classifiers import add_classifiers, classifier_figures, write_classifier_page
from ontogeny.data.rules.classifier import ClassifierRule
from ontogeny.data.rules.length import Length
from ontogeny.data.texts import Texts
from ontogeny.report.page import Page
from tests.data.report.conftest import curate
from tests.data.test_classifier import COOKING, SAILING, written


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Classifier]:
    sets = (Texts.of(written(words, 400, seed)) for seed, words in enumerate((COOKING, SAILING)))
    classifier = train_classifier(*sets, Training(bits=12))
    folder = tmp_path_factory.mktemp("cooking")
    classifier.save(folder)
    return folder, classifier


def test_figures_are_those_of_the_classifier(trained: tuple[Path, Classifier]) -> None:
    folder, classifier = trained
    rule = ClassifierRule(type="classifier", name="food", path=folder, min_score=0.3)
    (found,) = classifier_figures([Length(type="length", min_chars=1), rule])
    assert found == {"rule": "food", "min_score": 0.3, "max_score": None, **asdict(classifier.figures)}
    page = Page("Corpus")
    add_classifiers(page, {"classifiers": [found]})
    html = page.render()
    for word in ("Classifiers", "food", "min_score 0.3", "calibration error", "like these"):
        assert word in html


def test_without_a_classifier_there_is_no_section(tmp_path: Path) -> None:
    page = Page("Corpus")
    add_classifiers(page, {})
    add_classifiers(page, {"classifiers": classifier_figures([Length(type="length", min_chars=1)])})
    assert page.sections == []
    rule = ClassifierRule(type="classifier", name="food", path=tmp_path, min_score=0.3)
    with pytest.raises(DataError, match="no classifier is there"):
        classifier_figures([rule])


def test_a_corpus_tells_of_the_classifier_that_decided(
    trained: tuple[Path, Classifier], tmp_path: Path
) -> None:
    rule = {"type": "classifier", "name": "food", "path": str(trained[0]), "min_score": 0.01}
    made = curate(tmp_path, [rule])
    figures = json.loads((made.payload / "figures.json").read_text())
    assert figures["classifiers"][0]["accuracy"] == trained[1].figures.accuracy
    assert "Are its probabilities true?" in (made.payload / "report.html").read_text()


def test_the_page_of_a_classifier_escapes_what_it_shows(
    trained: tuple[Path, Classifier], tmp_path: Path
) -> None:
    figures = {
        "figures": asdict(trained[1].figures),
        "examples": {"like": {"documents": 5, "drawn": 4}, "unlike": {"documents": 3, "drawn": 3}},
        "in_both": 0,
        "training": Training(chars=(3, 5)).model_dump(mode="json"),
        "telling": [{"text": "<b>", "like": 3, "unlike": 1, "log_odds": 0.5}],
        "mistakes": [{"like": True, "probability": 0.01, "text": "<script>"}],
    }
    write_classifier_page(tmp_path / "report.html", figures)
    page = (tmp_path / "report.html").read_text()
    assert "<b>" not in page and "&lt;b&gt;" in page and "<script>" not in page
    assert "given as like these, probability of being so 1.0%" in page
    assert "parts of 3 to 5 bytes" in page
    write_classifier_page(tmp_path / "bare.html", {**figures, "telling": [], "mistakes": []})
    assert "Most surely wrong" not in (tmp_path / "bare.html").read_text()
