"""What was said about examples: metrics, selections, and comparisons in pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ontogeny.finetune.judged import Judged, compare
from ontogeny.statistics.intervals import wilson
from ontogeny.statistics.paired import mcnemar

NAMES = ("ham", "spam", "news")


def judged(seed: int, *, examples: int = 60, skill: float = 1.0) -> Judged:
    rng = np.random.default_rng(seed)
    gold = np.random.default_rng(0).integers(0, 3, examples)
    raised = rng.random((examples, 3)) + skill * np.eye(3)[gold]
    ids = tuple(f"{number:032x}" for number in range(examples))
    texts = tuple(f"text {number}" for number in range(examples))
    return Judged(ids, texts, gold, raised / raised.sum(1, keepdims=True), NAMES)


def test_scores_are_of_the_likeliest_label() -> None:
    part = judged(1, skill=0.4)
    right = sum(int(row.argmax()) == gold for row, gold in zip(part.probabilities, part.gold, strict=True))
    assert 0 < right < 60
    assert part.scores.accuracy == right / 60
    assert part.scores.accuracy_interval == wilson(right, 60)
    assert part.confusion.sum() == 60 and np.trace(part.confusion) == right
    assert sum(each.count for each in part.reliability) == 60


def test_one_who_is_always_surely_right_is_perfect() -> None:
    part = judged(1)
    scores = replace(part, probabilities=np.eye(3)[part.gold]).scores
    assert (scores.accuracy, scores.macro_f1, scores.weighted_f1) == (1, 1, 1)
    assert scores.matthews == pytest.approx(1)
    assert (scores.expected_calibration_error, scores.brier, scores.log_loss) == (0, 0, 0)


def test_a_selection_keeps_its_order() -> None:
    part = judged(1)
    some = part.take(part.doc_ids[9:4:-1])
    assert some.texts == part.texts[9:4:-1]
    assert np.array_equal(some.probabilities, part.probabilities[9:4:-1])
    with pytest.raises(ValueError, match="1 of 1 examples were not judged, first 'x'"):
        part.take(("x",))


def test_a_comparison_is_in_pairs_on_what_both_judged() -> None:
    good, poor = judged(1, skill=2.0), judged(2, skill=0.1)
    few = poor.take(poor.doc_ids[10:50])
    found = compare(good, few, seed=3)
    kept = good.take(few.doc_ids)
    assert found.examples == 40
    assert found.difference == pytest.approx(kept.scores.accuracy - few.scores.accuracy)
    assert found.only_first == int((kept.right & ~few.right).sum())
    assert found.p_value == mcnemar(found.only_first, found.only_second).mid_p
    assert found.interval.low < found.difference < found.interval.high
    assert found.verdict == "better"
    assert compare(poor, good, seed=3).verdict == "worse"
    assert compare(good, good, seed=3).verdict == "undecided"


def test_one_example_decides_nothing() -> None:
    one = judged(1, examples=1)
    found = compare(one, one, seed=1)
    assert (found.interval, found.verdict) == ((-1, 1), "undecided")


def test_other_true_labels_cannot_be_compared() -> None:
    part = judged(1)
    with pytest.raises(ValueError, match="different true labels"):
        compare(part, replace(part, gold=(part.gold + 1) % 3), seed=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gold": np.full(60, 3)}, "a gold label is none of the 3: 3 to 3"),
        ({"probabilities": np.full((60, 3), 0.5)}, "do not sum to one"),
        ({"probabilities": np.full((60, 3), np.nan)}, "do not sum to one"),
        ({"probabilities": np.full((60, 2), 0.5)}, "60 examples of 3 labels, but"),
        ({"doc_ids": ()}, "nothing to judge"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(judged(1), **change)  # type: ignore[arg-type]
