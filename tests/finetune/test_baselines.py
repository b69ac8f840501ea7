"""What a tuned classifier is held against."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest

from ontogeny.core.errors import DataError, UsageError
from ontogeny.finetune.baselines import (
    INVERSE_STRENGTHS,
    LINEAR,
    MAJORITY,
    baselines,
    cross_validated,
    fit_at,
    fit_linear,
    majority,
)
from ontogeny.finetune.judged import Judged

WORDS = ("win a prize now", "see you at eight", "the news of the day")


def texts_of(gold: np.ndarray) -> list[str]:
    return [f"{WORDS[label]} number {row}" for row, label in enumerate(gold)]


GOLD = np.random.default_rng(0).integers(0, 3, 60)


def test_the_majority_says_what_is_frequent() -> None:
    found = majority(np.array([1, 1, 0, 2]), 5, classes=4)
    assert found.tolist() == [[0.25, 0.5, 0.25, 0.0]] * 5


def test_the_linear_model_learns_what_words_say() -> None:
    pytest.importorskip("sklearn")
    linear = fit_linear(texts_of(GOLD), GOLD, texts_of(GOLD[:20]), GOLD[:20], classes=4)
    found = linear.probabilities(["a prize", "the day's news", "at eight"])
    assert found.shape == (3, 4) and found.sum(1) == pytest.approx([1, 1, 1])
    assert found.argmax(1).tolist() == [0, 2, 1]
    assert found[:, 3].tolist() == [0, 0, 0]  # never seen in training
    assert linear.inverse_strength in INVERSE_STRENGTHS
    assert linear.probabilities([]).shape == (0, 4)


def test_it_is_scikit_learns_own_pipeline() -> None:
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    expected = LogisticRegression(C=10, max_iter=1000).fit(words.fit_transform(texts_of(GOLD)), GOLD)
    asked = ["win the day", "eight"]
    found = fit_at(texts_of(GOLD), GOLD, 10, classes=3).probabilities(asked)
    assert found == pytest.approx(expected.predict_proba(words.transform(asked)))


def test_the_held_out_part_chooses_the_strength() -> None:
    pytest.importorskip("sklearn")
    gold = np.random.default_rng(1).integers(0, 2, 80)
    noisy = np.where(np.random.default_rng(2).random(80) < 0.2, 1 - gold, gold)
    right = {}
    for strength in INVERSE_STRENGTHS:
        linear = fit_at(texts_of(noisy)[:60], gold[:60], strength, classes=2)
        right[strength] = (linear.probabilities(texts_of(noisy)[60:]).argmax(1) == gold[60:]).mean()
    chosen = fit_linear(texts_of(noisy)[:60], gold[:60], texts_of(noisy)[60:], gold[60:], classes=2)
    assert right[chosen.inverse_strength] == max(right.values())


def test_both_baselines_judge_the_same_examples() -> None:
    pytest.importorskip("sklearn")
    ids = tuple(f"{number:032x}" for number in range(60))
    part = Judged(ids, tuple(texts_of(GOLD)), GOLD, np.eye(3)[GOLD], ("spam", "ham", "news"))
    linear = fit_at(texts_of(GOLD), GOLD, 10, classes=3)
    found = baselines(GOLD, linear, part)
    assert list(found) == [MAJORITY, LINEAR]
    assert found[LINEAR].scores.accuracy == 1.0
    assert found[MAJORITY].scores.accuracy == np.bincount(GOLD).max() / 60
    assert all(each.doc_ids == ids for each in found.values())


def test_cross_validation_never_learns_from_the_text_it_judges() -> None:
    """Labels at random cannot be known; a model that saw a text would know its label by its number."""
    pytest.importorskip("sklearn")
    gold = np.random.default_rng(3).integers(0, 2, 200)
    texts = [f"word{number} word{number}" for number in range(200)]
    found = cross_validated(texts, gold, 10.0, classes=2, seed=1)
    assert found.sum(1) == pytest.approx(np.ones(200))
    assert abs((found.argmax(1) == gold).mean() - 0.5) < 0.1
    assert np.array_equal(found, cross_validated(texts, gold, 10.0, classes=2, seed=1))
    seen = fit_at(texts, gold, 10.0, classes=2).probabilities(texts)
    assert (seen.argmax(1) == gold).mean() > 0.9


def test_cross_validation_bears_rare_classes() -> None:
    pytest.importorskip("sklearn")
    gold = np.array([0, 0, 0, 0, 0, 1])
    found = cross_validated([f"one two {number}" for number in range(6)], gold, 1.0, classes=3, seed=1)
    assert found.sum(1) == pytest.approx(np.ones(6))


def test_texts_without_words_are_refused() -> None:
    pytest.importorskip("sklearn")
    with pytest.raises(DataError, match="none of the 2 texts to learn from holds a word") as error:
        fit_at(["!", "?"], np.array([0, 1]), 1.0, classes=2)
    assert error.value.hint is not None and "columns" in error.value.hint


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def importing(name: str, *rest: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(UsageError, match="needs scikit-learn") as error:
        fit_at(["one two"], np.array([0]), 1.0, classes=1)
    assert error.value.hint == "pip install scikit-learn"
