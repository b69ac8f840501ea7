"""Classification: AUROC of choices and labels that are written, against scikit-learn."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef, roc_auc_score

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.answers import judge_of
from ontogeny.tasks.metrics import METRICS, STATISTICS
from ontogeny.tasks.metrics.classes import LEVELS, level_of
from ontogeny.tasks.requests import Answer, Item, Scored
from tests.tasks.conftest import Write
from tests.tasks.metrics.test_overlap import WRITING

LABELS = ["Good", "bad", "so-so"]


def test_levels_rise_with_the_score() -> None:
    places = [level_of(score) for score in np.linspace(-100, 100, 4001)]
    assert places == sorted(places) and {places[0], places[-1]} == {0, LEVELS - 1}
    assert len({level_of(score) for score in np.arange(-4, 4, 0.16)}) == 50, "small differences count"


@pytest.mark.parametrize("offset", [0.0, -6.0, 20.0])
def test_the_area_under_the_curve_is_scikit_learns(offset: float) -> None:
    stream = random.Random(5)
    gold = [stream.randrange(2) for _ in range(1_000)]
    scores = [stream.gauss(offset + 0.8 * right, 1.0) for right in gold]
    kind = METRICS["auroc", "multiple_choice"]
    rows = [
        kind.judge(
            Item("id", "task", "id", {}, (), ("a", "b"), (right,)),
            Answer((Scored(-7.0, False, 1), Scored(-7.0 + score, False, 1))), {},
        )["auroc"]
        for right, score in zip(gold, scores, strict=True)
    ]  # fmt: skip
    found = float(STATISTICS["auroc"](np.array(rows).sum(0)))
    assert found == pytest.approx(roc_auc_score(gold, scores), abs=0.001)


def test_one_class_alone_has_no_curve_and_three_choices_are_refused() -> None:
    kind = METRICS["auroc", "multiple_choice"]
    item = Item("id", "task", "id", {}, (), ("a", "b"), (1,))
    row = kind.judge(item, Answer((Scored(-1.0, False, 1),) * 2), {})["auroc"]
    assert np.isnan(STATISTICS["auroc"](np.array(row)))
    assert kind.unfit is not None and kind.unfit(item, {}) is None
    three = Item("id", "task", "id", {}, (), ("a", "b", "c"), (1,))
    assert "3 choices" in str(kind.unfit(three, {}))


def test_labels_that_are_written_are_scored_as_scikit_learn_does() -> None:
    stream = random.Random(6)
    right = [stream.choice(LABELS) for _ in range(80)]
    said = [one if stream.random() < 0.6 else stream.choice([*LABELS, "who knows"]) for one in right]
    options = {"labels": LABELS}

    def value(name: str) -> float:
        kind = METRICS[name, "generate_until"]
        rows = [
            kind.judge(
                Item("id", "task", "id", {}, (), references=(gold,)),
                Answer(outputs=(f" {one.upper()}.\n",)),
                options,
            )[name]
            for gold, one in zip(right, said, strict=True)
        ]
        return float(STATISTICS[kind.statistic](np.array(rows).sum(0)))

    assert value("macro_f1") == pytest.approx(f1_score(right, said, labels=LABELS, average="macro"))
    assert value("weighted_f1") == pytest.approx(f1_score(right, said, labels=LABELS, average="weighted"))
    assert value("mcc") == pytest.approx(matthews_corrcoef(right, said))


@pytest.mark.parametrize("labels", ["", ", labels: [one]", ", labels: [One, one.]"])
def test_labels_must_be_given_and_differ(write: Write, labels: str) -> None:
    with pytest.raises(RecipeError, match="a written label is compared with all there are"):
        judge_of(write(f"metric_list: [{{metric: macro_f1{labels}}}]", base=WRITING))


def test_a_right_answer_that_is_no_label_is_told_before_the_model_is_asked(write: Write) -> None:
    judge = judge_of(write("metric_list: [{metric: mcc, labels: [air, sea]}]", base=WRITING))
    assert judge.unfit(Item("id", "task", "id", {}, (), references=("Air",))) is None
    assert judge.unfit(Item("id", "task", "id", {}, (), references=("ground",))) == (
        "the right answer 'ground' is none of air, sea"
    )
