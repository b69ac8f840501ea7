"""Texts with several labels: scores as scikit-learn has them, the baselines, and comparisons in pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from ontogeny.finetune.baselines import FREQUENT_SET, LINEAR, baselines, fit_linear
from ontogeny.finetune.judged import compare
from ontogeny.finetune.judged_sets import JudgedSets, frequent_set

NAMES = ("red", "big", "old")


def drawn(count: int, *, seed: int = 0) -> JudgedSets:
    """Texts that name their labels, and guesses at them."""
    generator = np.random.default_rng(seed)
    gold = (generator.random((count, 3)) < [0.6, 0.3, 0.1]).astype(np.int64)
    texts = [
        " ".join([*(name for name, has in zip(NAMES, row, strict=True) if has), "thing", "here"])
        for row in gold
    ]
    probabilities = np.clip(0.7 * gold + 0.5 * generator.random((count, 3)), 0, 1)
    return JudgedSets(tuple(map(str, range(count))), tuple(texts), gold, probabilities, NAMES)


def test_scores_are_those_of_scikit_learn() -> None:
    judged = drawn(300)
    said = (judged.probabilities >= 0.5).astype(int)
    scores = judged.scores
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(judged.gold, said))
    for kind, found in (
        ("micro", scores.micro_f1),
        ("macro", scores.macro_f1),
        ("weighted", scores.weighted_f1),
    ):
        assert found == pytest.approx(metrics.f1_score(judged.gold, said, average=kind))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(judged.gold, said)
    for label, each in enumerate(scores.per_class):
        assert (each.precision, each.recall, each.f1) == pytest.approx(
            (precision[label], recall[label], f1[label])
        )
        assert each.support == support[label]
    losses = [metrics.log_loss(judged.gold[:, label], judged.probabilities[:, label]) for label in range(3)]
    assert scores.log_loss == pytest.approx(sum(losses), rel=1e-3)
    brier = [
        metrics.brier_score_loss(judged.gold[:, label], judged.probabilities[:, label]) for label in range(3)
    ]
    assert scores.brier == pytest.approx(sum(brier))
    assert scores.matthews is None


def test_labels_that_no_one_has_or_names_do_not_count() -> None:
    gold = np.array([[1, 0], [1, 0], [0, 0]])
    judged = JudgedSets(("a", "b", "c"), ("x",) * 3, gold, np.where(gold, 0.9, 0.1), ("red", "never"))
    assert judged.scores.macro_f1 == 1.0
    assert judged.scores.accuracy == 1.0
    assert [judged.named(row) for row in (0, 2)] == [("red", "red"), ("no label", "no label")]
    assert judged.confidence == pytest.approx([0.81, 0.81, 0.81])


def test_one_who_has_not_read_them_says_the_most_frequent_set() -> None:
    part = drawn(50)
    learnt = np.array([[1, 0, 0]] * 4 + [[1, 1, 0]] * 3 + [[0, 1, 0]] * 3)
    said = frequent_set(learnt, part)
    assert (said.predicted == [1, 0, 0]).all()
    assert said.probabilities[0] == pytest.approx([0.7, 0.6, 0.0])


def test_a_linear_model_for_each_label_learns_what_words_say() -> None:
    train, held_out, test = drawn(200), drawn(50, seed=1), drawn(80, seed=2)
    linear = fit_linear(train.texts, train.gold, held_out.texts, held_out.gold, classes=3)
    found = baselines(train.gold, linear, test)
    assert list(found) == [FREQUENT_SET, LINEAR]
    assert found[LINEAR].scores.accuracy == 1.0
    compared = compare(found[LINEAR], found[FREQUENT_SET], seed=1)
    assert compared.verdict == "better" and compared.only_second == 0
    assert compared.only_first == int((~found[FREQUENT_SET].right).sum())


def test_a_label_that_no_text_to_learn_from_has_is_never_said() -> None:
    train, test = drawn(100), drawn(20, seed=1)
    gold = train.gold * np.array([1, 1, 0])
    linear = fit_linear(train.texts, gold, test.texts, test.gold, classes=3)
    assert linear.probabilities(test.texts)[:, 2].max() < 0.5


def test_some_of_them_in_another_order() -> None:
    judged = frequent_set(drawn(9).gold, drawn(20))
    some = judged.take(("7", "2"))
    assert some.texts == (judged.texts[7], judged.texts[2])
    assert (some.predicted == judged.predicted[[7, 2]]).all()
    with pytest.raises(ValueError, match="1 of 2 examples were not judged, first 'x'"):
        judged.take(("x", "1"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gold": np.zeros((20, 2), dtype=np.int64)}, "examples and labels are"),
        ({"doc_ids": ()}, "examples and labels are"),
        ({"probabilities": np.full((20, 3), 1.5)}, "not between 0 and 1"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(drawn(20), **change)
