from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ontogeny.core.errors import RecipeError
from ontogeny.data.classifier import classifier_files
from ontogeny.data.rules.classifier import (
    ClassifierRule,
    files_of_classifier,
    judge_classifier,
    with_classifiers,
)
from ontogeny.data.rules.length import Length
from ontogeny.lineage.artifact import Artifact

COLUMNS = {"quality:news": np.array([0.1, 0.3, 0.9], dtype=np.float32)}


def test_documents_outside_the_bounds_go() -> None:
    rule = ClassifierRule(type="classifier", name="news", path=Path("x"), min_score=0.3, max_score=0.8)
    assert rule.needs == ("quality:news",)
    judgement = judge_classifier(rule, COLUMNS)
    assert judgement.code.tolist() == [1, 0, 2] and judgement.reasons == ("news_low", "news_high")
    assert judgement.says == ("quality:news, below min_score 0.3", "quality:news, above max_score 0.8")
    assert judgement.score[2] == pytest.approx(0.9)


def test_bounds_must_make_sense() -> None:
    with pytest.raises(ValidationError, match="has no bound"):
        ClassifierRule(type="classifier", name="news", path=Path("x"))
    with pytest.raises(ValidationError, match=r"min_score 0\.8 is above max_score 0\.3"):
        ClassifierRule(type="classifier", name="news", path=Path("x"), min_score=0.8, max_score=0.3)
    with pytest.raises(ValidationError, match="name"):
        ClassifierRule(type="classifier", name="News!", path=Path("x"), min_score=0.8)


def test_a_rule_names_a_step_or_a_folder() -> None:
    common: dict[str, Any] = {"type": "classifier", "name": "news", "min_score": 0.5}
    with pytest.raises(
        ValidationError, match="the classifier rule 'news' has neither of `classifier` and `path`"
    ):
        ClassifierRule(**common)
    with pytest.raises(ValidationError, match="has both of `classifier` and `path`: name a step"):
        ClassifierRule(**common, path=Path("x"), classifier="good")
    assert ClassifierRule(**common, classifier="good").needs == ("quality:news",)


def test_a_folder_without_a_classifier_is_told_from_one(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "classifier.json").write_text("{}")
    rule = ClassifierRule(type="classifier", name="news", path=tmp_path, min_score=0.5)
    with pytest.raises(RecipeError, match=r"finds no classifier: it lacks classifier\.safetensors") as caught:
        files_of_classifier(rule)
    assert caught.value.where == str(tmp_path)
    with pytest.raises(RecipeError, match="finds no classifier: there is no such folder"):
        files_of_classifier(rule.model_copy(update={"path": tmp_path / "none"}))
    (tmp_path / "classifier.safetensors").write_bytes(b"")
    assert files_of_classifier(rule) == classifier_files(tmp_path)


def test_a_step_is_replaced_by_its_folder(tmp_path: Path) -> None:
    common: dict[str, Any] = {"type": "classifier", "name": "news", "min_score": 0.5}
    rules = (
        Length(type="length", min_chars=3),
        ClassifierRule(**common, path=Path("x")),
        ClassifierRule(**common, classifier="good"),
    )
    manifest = SimpleNamespace(name="r/good@1")
    found = with_classifiers(rules, {"rules.2.classifier": Artifact(tmp_path, manifest)})  # type: ignore[arg-type]
    assert found[:2] == rules[:2]
    assert found[2] == ClassifierRule(**common, path=tmp_path)
