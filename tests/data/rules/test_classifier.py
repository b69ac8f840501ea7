from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from ontogeny.data.rules.classifier import ClassifierRule, judge_classifier

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
