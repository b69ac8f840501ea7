"""Metrics over labels and probabilities, against loops and scikit-learn."""

import math

import numpy as np
import pytest

from ontogeny.statistics.classification import (
    ClassScores,
    brier,
    confusion_matrix,
    log_loss,
    macro_f1,
    matthews,
    per_class,
    weighted_f1,
)

RNG = np.random.default_rng(0)
GOLD = RNG.integers(0, 4, 200)
SAID = np.where(RNG.random(200) < 0.6, GOLD, RNG.integers(0, 5, 200))  # class 4 is said and never so
PROBABILITIES = RNG.dirichlet(np.ones(6), 200)
CONFUSION = confusion_matrix(GOLD, SAID, 6)  # class 5 is neither so nor said


def test_the_confusion_matrix_counts_pairs() -> None:
    for gold in range(6):
        for said in range(6):
            pairs = sum(g == gold and s == said for g, s in zip(GOLD, SAID, strict=True))
            assert CONFUSION[gold, said] == pairs


def test_scores_of_each_class_are_those_of_counting() -> None:
    for label, scores in enumerate(per_class(CONFUSION)):
        right = int(((label == GOLD) & (label == SAID)).sum())
        so, said = int((label == GOLD).sum()), int((label == SAID).sum())
        precision, recall = right / said if said else 0.0, right / so if so else 0.0
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        assert scores == ClassScores(pytest.approx(precision), pytest.approx(recall), pytest.approx(f1), so)


def test_macro_f1_leaves_out_classes_that_nobody_names() -> None:
    scores = [each.f1 for each in per_class(CONFUSION)]
    assert macro_f1(CONFUSION) == pytest.approx(sum(scores[:5]) / 5)


def test_matthews_of_two_classes_is_the_textbook_formula() -> None:
    gold, said = GOLD % 2, SAID % 2
    tp, tn = int(((gold == 1) & (said == 1)).sum()), int(((gold == 0) & (said == 0)).sum())
    fp, fn = int(((gold == 0) & (said == 1)).sum()), int(((gold == 1) & (said == 0)).sum())
    expected = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert matthews(confusion_matrix(gold, said, 2)) == pytest.approx(expected)


def test_matthews_is_one_for_no_mistake_and_none_for_a_constant() -> None:
    assert matthews(confusion_matrix(GOLD, GOLD, 4)) == pytest.approx(1)
    assert matthews(confusion_matrix(GOLD, np.zeros_like(GOLD), 4)) == 0.0


def test_brier_and_log_loss_are_those_of_a_loop() -> None:
    pairs = list(zip(GOLD, PROBABILITIES, strict=True))
    squares = [sum((p - (k == g)) ** 2 for k, p in enumerate(row)) for g, row in pairs]
    assert brier(PROBABILITIES, GOLD) == pytest.approx(sum(squares) / 200)
    assert log_loss(PROBABILITIES, GOLD) == pytest.approx(-sum(math.log(row[g]) for g, row in pairs) / 200)


def test_a_probability_of_zero_costs_much_and_not_everything() -> None:
    assert math.isfinite(log_loss(np.array([[1.0, 0.0]]), np.array([1])))


def test_equal_to_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    assert macro_f1(CONFUSION) == pytest.approx(metrics.f1_score(GOLD, SAID, average="macro"))
    assert weighted_f1(CONFUSION) == pytest.approx(metrics.f1_score(GOLD, SAID, average="weighted"))
    assert matthews(CONFUSION) == pytest.approx(metrics.matthews_corrcoef(GOLD, SAID))
    assert log_loss(PROBABILITIES, GOLD) == pytest.approx(
        metrics.log_loss(GOLD, PROBABILITIES, labels=range(6))
    )
