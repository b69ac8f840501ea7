"""Metrics of log-probabilities, against values worked out by hand and scikit-learn."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.answers import judge_of
from ontogeny.tasks.metrics import METRICS, STATISTICS
from ontogeny.tasks.metrics.likelihood import words_in
from ontogeny.tasks.requests import Answer, Item, OutputType, Scored
from tests.tasks.conftest import Write


def item(choices: tuple[str, ...] = ("ab", "é", "c"), gold: tuple[int, ...] = (1,), text: str = "") -> Item:
    return Item("id", "task", "id", {}, (), choices, gold, (text,) if text else ())


def answer(*logprobs: float, greedy: tuple[int, ...] = ()) -> Answer:
    return Answer(tuple(Scored(value, place in greedy, 2) for place, value in enumerate(logprobs)))


def value(name: str, kind: OutputType, pairs: list[tuple[Item, Answer]]) -> float:
    metric = METRICS[name, kind]
    rows = np.array([metric.judge(one, other, {})[name] for one, other in pairs])
    return float(STATISTICS[metric.statistic](rows.sum(0)))


@pytest.mark.parametrize(
    ("name", "logprobs", "right"),
    [
        ("acc", (-1.0, -2.0, -3.0), 0.0),
        ("acc", (-3.0, -2.0, -2.0), 1.0),
        ("acc_norm", (-4.0, -3.0, -3.1), 0.0),
        ("acc_norm", (-4.0, -1.9, -3.1), 1.0),
        ("acc_bytes", (-4.2, -4.0, -2.1), 1.0),
        ("acc_mutual_info", (-1.0, -2.0, -3.0, -1.0, -3.0, -3.0), 1.0),
    ],
)
def test_rules_of_choice(name: str, logprobs: tuple[float, ...], right: float) -> None:
    assert value(name, "multiple_choice", [(item(), answer(*logprobs))]) == right


def test_several_choices_may_be_right() -> None:
    pair = (item(gold=(0, 2)), answer(-2.0, -3.0, -1.0, greedy=(0,)))
    assert value("acc", "multiple_choice", [pair]) == 1.0
    assert value("exact_match", "multiple_choice", [pair]) == 1.0
    assert value("exact_match", "multiple_choice", [(item(gold=(2,)), pair[1])]) == 0.0


def test_the_brier_score_is_of_the_softmax() -> None:
    pair = (item(("a", "b"), (0,)), answer(math.log(0.3) - 7, math.log(0.1) - 7))
    assert value("brier_score", "multiple_choice", [pair]) == pytest.approx(2 * 0.25**2)


@pytest.mark.parametrize("classes", [2, 4])
def test_scores_of_classifiers_are_scikit_learns(classes: int) -> None:
    stream = random.Random(3)
    gold = [stream.randrange(classes) for _ in range(60)]
    picked = [right if stream.random() < 0.6 else stream.randrange(classes) for right in gold]
    choices = tuple("abcd"[:classes])
    pairs = [
        (item(choices, (right,)), answer(*(-float(place != pick) for place in range(classes))))
        for right, pick in zip(gold, picked, strict=True)
    ]
    assert value("mcc", "multiple_choice", pairs) == pytest.approx(matthews_corrcoef(gold, picked))
    assert value("macro_f1", "multiple_choice", pairs) == pytest.approx(
        f1_score(gold, picked, average="macro")
    )
    assert value("weighted_f1", "multiple_choice", pairs) == pytest.approx(
        f1_score(gold, picked, average="weighted")
    )
    if classes == 2:
        assert value("f1", "multiple_choice", pairs) == pytest.approx(f1_score(gold, picked))


def test_a_model_that_never_varies_has_no_correlation() -> None:
    pairs = [(item(("a", "b"), (place % 2,)), answer(-1.0, -2.0)) for place in range(4)]
    assert value("mcc", "multiple_choice", pairs) == 0.0
    assert value("f1", "multiple_choice", pairs) == 0.0


def test_perplexities_divide_by_what_they_are_named_after() -> None:
    texts = ["one two", "drei é"]
    pairs = [(item((), (), text), answer(-3.0 * (1 + place))) for place, text in enumerate(texts)]
    assert value("word_perplexity", "loglikelihood_rolling", pairs) == pytest.approx(math.exp(9 / 4))
    assert value("byte_perplexity", "loglikelihood_rolling", pairs) == pytest.approx(math.exp(9 / 14))
    assert value("bits_per_byte", "loglikelihood_rolling", pairs) == pytest.approx(9 / 14 / math.log(2))
    assert value("token_perplexity", "loglikelihood_rolling", pairs) == pytest.approx(math.exp(9 / 4))
    assert value("perplexity", "loglikelihood", pairs) == pytest.approx(math.exp(4.5))


def test_a_continuation_is_right_if_it_would_have_been_written() -> None:
    pairs = [(item((), (), "x"), answer(-1.0, greedy=(0,))), (item((), (), "x"), answer(-1.0))]
    assert value("acc", "loglikelihood", pairs) == 0.5


def test_words_are_counted_as_harness_counts_them() -> None:
    assert [words_in(text) for text in ("", "a", " a b", "a\n\nb ")] == [1, 1, 3, 3]


def test_centred_accuracy_is_0_for_guessing_and_1_for_perfection() -> None:
    right, wrong = answer(-3.0, -1.0, -2.0), answer(-1.0, -3.0, -2.0)
    guessing = [(item(), right), (item(), wrong), (item(), wrong)]
    assert value("centred_acc", "multiple_choice", guessing) == pytest.approx(0.0)
    assert value("centred_acc", "multiple_choice", [(item(), right)]) == pytest.approx(1.0)
    whole = [(item((), (), "x"), answer(-1.0, greedy=(0,))), (item((), (), "x"), answer(-1.0))]
    assert value("centred_acc", "loglikelihood", whole) == 0.5


def test_centred_accuracy_takes_a_baseline_and_the_mean_over_tokens() -> None:
    metric = METRICS["centred_acc", "multiple_choice"]
    long = Answer((Scored(-3.0, False, 6), Scored(-2.0, False, 1), Scored(-9.0, False, 1)))
    (summands,) = metric.judge(item(gold=(0,)), long, {"baseline": 0.62}).values()
    assert summands == pytest.approx((1.0, 1.0))
    (summands,) = metric.judge(item(gold=(1,)), long, {"baseline": 0.62}).values()
    assert summands[0] == pytest.approx(-0.62 / 0.38)


def test_a_baseline_is_a_share(write: Write) -> None:
    with pytest.raises(RecipeError, match=r"baseline is a share of 0 or more and less than 1, not 40\.3"):
        judge_of(write("metric_list: [{metric: centred_acc, baseline: 40.3}]"))


def test_mc2_is_the_share_of_the_true_answers() -> None:
    pair = (item(gold=(0, 2)), answer(*(math.log(share) - 5 for share in (0.1, 0.3, 0.2))))
    assert value("mc2", "multiple_choice", [pair]) == pytest.approx(0.5)


def test_stereotypes_of_minimal_pairs() -> None:
    pairs = [
        (item(("a", "b"), (0,)), answer(*values)) for values in ((-1.0, -2.0), (-2.0, -1.0), (-1.0, -1.0))
    ]
    assert value("pct_stereotype", "multiple_choice", pairs) == pytest.approx(1 / 3)


def test_words_and_bytes_may_be_those_of_another_text() -> None:
    told = Item("id", "task", "id", {}, (), (), (), ("a.", "a ."))
    assert value("word_perplexity", "loglikelihood_rolling", [(told, answer(-2.0))]) == pytest.approx(math.e)
    assert value(
        "bits_per_byte", "loglikelihood_rolling", [(told, answer(-3 * math.log(2)))]
    ) == pytest.approx(1)
