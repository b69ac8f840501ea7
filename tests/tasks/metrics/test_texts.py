"""What is said of answers without references, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ontogeny.tasks.metrics import METRICS, STATISTICS
from ontogeny.tasks.requests import Answer, Item, Written

ITEM = Item("id", "task", "id", {}, (), references=("x",))


def value(name: str, *answers: Answer) -> float:
    kind = METRICS[name, "generate_until"]
    rows = np.array([kind.judge(ITEM, answer, {})[name] for answer in answers])
    return float(STATISTICS[kind.statistic](rows.sum(0)))


def said(*texts: str) -> Answer:
    written = tuple(Written(text, "stop", 2 * len(text.split()), 0.5) for text in texts)
    return Answer(written=written, outputs=texts)


def test_repetition_and_distinct_ngrams() -> None:
    loop, plain = said("a b a b a b"), said("one two three four five six")
    assert value("seq_rep_2", loop) == pytest.approx(1 - 2 / 5)
    assert value("seq_rep_4", loop) == pytest.approx(1 - 2 / 3)
    assert value("seq_rep_4", plain) == 0.0
    assert value("seq_rep_2", loop, plain) == pytest.approx((1 - 2 / 5) / 2), "a mean over answers"
    assert value("distinct_1", loop, plain) == pytest.approx(8 / 12), "counts of all answers"
    assert value("distinct_2", said("a b a b", "c c c c")) == pytest.approx((2 + 1) / 6)


@pytest.mark.parametrize("text", ["", "word", "two words"])
def test_answers_shorter_than_an_ngram_repeat_nothing(text: str) -> None:
    assert value("seq_rep_4", said(text)) == 0.0 and value("distinct_3", said(text)) == 1.0


def test_sizes_and_speed_are_of_everything_written() -> None:
    long = Answer(written=(Written("a b c", "length", 6, 1.0), Written("", "stop", 1, 0.0)), outputs=("a",))
    assert value("answer_words", long) == 1.5 and value("answer_tokens", long) == 3.5
    assert value("cut_short", long) == 0.5 and value("seconds_per_answer", long) == 0.5
    assert value("tokens_per_second", long, said("a b")) == pytest.approx((7 + 4) / 1.5)
    instant = Answer(written=(Written("a", "stop", 1, 0.0),), outputs=("a",))
    assert np.isfinite(value("tokens_per_second", instant))


def test_what_is_better_is_said() -> None:
    directions = {
        name: METRICS[name, "generate_until"].higher_is_better for name in ("seq_rep_4", "distinct_2")
    }
    assert directions == {"seq_rep_4": False, "distinct_2": True}
    assert METRICS["answer_words", "generate_until"].higher_is_better is None
