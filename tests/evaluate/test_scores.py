"""From items to values, intervals and comparisons; the statistics themselves are tested in tests/statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ontogeny.evaluate.scores import Comparison, Metric, lower_is_better, with_verdicts
from ontogeny.evaluate.uncertainty import compare, result
from ontogeny.statistics.errors import ratio_standard_error
from ontogeny.statistics.intervals import around, wilson
from ontogeny.statistics.paired import mcnemar


def accuracy(right: list[int], groups: list[str] | None = None, *, items: list[str] | None = None) -> Metric:
    names = tuple(items or [f"i{place}" for place in range(len(right))])
    return Metric(
        name="acc", form="chat", items=names, groups=tuple(groups or names), tops=tuple(map(float, right)),
        bottoms=(1.0,) * len(right),
    )  # fmt: skip


def bits(costs: list[float], sizes: list[float], groups: list[str]) -> Metric:
    names = tuple(f"d{place}" for place in range(len(costs)))
    return Metric(
        name="bits_per_byte",
        form=None,
        items=names,
        groups=tuple(groups),
        tops=tuple(costs),
        bottoms=tuple(sizes),
    )


def test_independent_answers_have_wilsons_interval() -> None:
    row = result("t", "m", accuracy([1, 1, 1, 0, 0] * 8), label="acc")
    share = 0.6
    assert (row.value, row.n, row.groups) == (share, 40, 40)
    assert row.stderr == pytest.approx(math.sqrt(share * (1 - share) / 39))
    assert row.ci95 == pytest.approx(wilson(24, 40))


def test_answers_that_agree_within_groups_count_once() -> None:
    """10 groups of 4 equal answers tell as much as 10 answers, and how alike they are has to be estimated as well."""
    grouped = result(
        "t", "m", accuracy([1] * 24 + [0] * 16, [f"g{place // 4}" for place in range(40)]), label="acc"
    )
    single = result("t", "m", accuracy([1] * 6 + [0] * 4), label="acc")
    assert grouped.stderr == pytest.approx(single.stderr)
    assert grouped.ci95 is not None and single.ci95 is not None
    assert grouped.ci95[0] < single.ci95[0] < 0.6 < single.ci95[1] < grouped.ci95[1]
    assert (grouped.n, grouped.groups) == (40, 10)


def test_all_right_still_has_an_interval() -> None:
    row = result("t", "m", accuracy([1] * 12, ["a", "b", "c"] * 4), label="acc")
    assert row.stderr == 0.0
    assert row.ci95 == wilson(3, 3, degrees=2)


def test_a_single_group_has_no_error() -> None:
    row = result("t", "m", accuracy([1, 0, 1], ["a"] * 3), label="acc")
    assert (row.value, row.stderr, row.ci95) == (2 / 3, None, None)


def test_bits_per_byte_is_a_ratio_of_sums() -> None:
    metric = bits([200.0, 30.0, 90.0], [100.0, 10.0, 50.0], ["a", "b", "c"])
    row = result("t", "m", metric, label="bits_per_byte")
    error = ratio_standard_error([200.0, 30.0, 90.0], [100.0, 10.0, 50.0])
    assert row.value == 2.0
    assert row.ci95 == around(2.0, error, degrees=2)


def test_independent_answers_are_compared_with_mcnemars_test() -> None:
    a, b = accuracy([1] * 9 + [0] * 3), accuracy([0] * 7 + [1] * 3 + [0] * 2)
    row = compare("t", a, b, model_a="a", model_b="b", label="acc", seed=0)
    assert row.test == "mcnemar-mid-p"
    assert row.p_value == mcnemar(7, 1).mid_p
    assert (row.a, row.b, row.difference, row.n) == (0.75, 0.25, 0.5, 12)
    assert row.ci95 is not None and row.ci95[0] < 0.5 < row.ci95[1]
    assert row.detectable is not None and row.improvement == 0.5


def test_grouped_answers_are_compared_group_by_group() -> None:
    groups = [f"g{place // 4}" for place in range(12)]
    row = compare(
        "t",
        accuracy([1] * 12, groups),
        accuracy([0] * 12, groups),
        model_a="a",
        model_b="b",
        label="acc",
        seed=0,
    )
    assert row.test == "sign-flip"
    assert row.p_value == 2 / 2**3
    assert row.groups == 3


def rated(tops: list[float], bottoms: list[float], *, name: str = "distinct_2") -> Metric:
    names = tuple(f"i{place}" for place in range(len(tops)))
    return Metric(name=name, form=None, items=names, groups=names, tops=tuple(tops), bottoms=tuple(bottoms))


def test_models_may_have_denominators_of_their_own() -> None:
    """One writes ten times as much as the other, and repeats itself as seldom."""
    generator = np.random.default_rng(5)
    short, long = generator.integers(5, 15, 60), generator.integers(50, 150, 60)
    a = rated(
        [float(words - (place % 20 == 0)) for place, words in enumerate(short)], short.astype(float).tolist()
    )
    b = rated([float(words - place % 2) for place, words in enumerate(long)], long.astype(float).tolist())
    row = compare("t", a, b, model_a="a", model_b="b", label="distinct_2", seed=0)
    assert row.test == "swap" and row.p_value > 0.2
    assert row.ci95 is not None and row.ci95[0] < row.difference < row.ci95[1]
    assert row.ci95[1] - row.ci95[0] < 0.05
    assert row.detectable is not None and row.detectable < 0.05


def test_equal_denominators_give_the_error_of_the_differences() -> None:
    groups = ["a", "a", "b", "c", "d"]
    a, b = bits([2, 3, 4, 6, 9], [1, 2, 2, 3, 4], groups), bits([2, 2, 4, 5, 9.5], [1, 2, 2, 3, 4], groups)
    row = compare("t", a, b, model_a="a", model_b="b", label="bits_per_byte", seed=0)
    error = ratio_standard_error([0, 1, 0, 1, -0.5], [1, 2, 2, 3, 4], groups)
    assert row.ci95 == pytest.approx(around(1.5 / 12, error, degrees=3))


@pytest.mark.parametrize("name", ["squad_f1", "distinct_2"])
def test_shares_stay_between_0_and_1(name: str) -> None:
    row = result("t", "m", rated([0.02, 0.0, 0.13], [1.0, 1.0, 1.0], name=name), label=name)
    assert row.ci95 is not None and 0 < row.ci95[0] < row.value < row.ci95[1] < 1
    alike = result("t", "m", rated([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], name=name), label=name)
    assert alike.ci95 is not None and alike.ci95[0] < 0.7 and alike.ci95[1] == 1.0


def test_costs_are_never_below_0_and_without_spread_nothing_is_known() -> None:
    row = result("t", "m", bits([1.0, 9.0], [3.0, 3.0], ["a", "b"]), label="bits_per_byte")
    assert row.ci95 is not None and row.ci95[0] == 0.0
    assert result("t", "m", bits([6.0, 6.0], [3.0, 3.0], ["a", "b"]), label="bits_per_byte").ci95 is None


def test_what_has_no_value_has_no_interval() -> None:
    """Of no answer at all there is no F1."""
    nothing = Metric(
        name="macro_f1", form=None, items=("x", "y"), groups=("x", "y"), tops=(), bottoms=(), statistic="macro_f1",
        summands=((0.0,) * 6, (0.0,) * 6),
    )  # fmt: skip
    row = result("t", "m", nothing, label="macro_f1")
    assert math.isnan(row.value) and row.ci95 is None
    assert compare("t", nothing, nothing, model_a="a", model_b="b", label="macro_f1", seed=0).ci95 is None


def test_a_last_digit_above_1_is_1() -> None:
    row = result("t", "m", rated([0.1 + 0.2, 0.3], [0.3, 0.3], name="squad_f1"), label="squad_f1")
    assert row.value > 1.0
    assert row.ci95 is not None and row.ci95[1] == 1.0


def test_a_difference_of_few_groups_that_agree_is_not_sure() -> None:
    groups = [f"g{place // 4}" for place in range(40)]
    alike = compare(
        "t",
        accuracy([1] * 40, groups),
        accuracy([1] * 40, groups),
        model_a="a",
        model_b="b",
        label="acc",
        seed=0,
    )
    assert alike.detectable is None
    assert alike.ci95 is not None and alike.ci95[0] < -0.1 and alike.ci95[1] > 0.1
    gained = compare(
        "t", accuracy([1] * 40, groups), accuracy([0] + [1] * 39, groups), model_a="a", model_b="b", label="acc",
        seed=0,
    )  # fmt: skip
    assert gained.ci95 is not None and gained.ci95[0] < 0 < gained.ci95[1]


def test_less_than_five_items_apart_mcnemar_can_tell_nothing() -> None:
    a, b = accuracy([1] * 150), accuracy([0] + [1] * 149)
    row = compare("t", a, b, model_a="a", model_b="b", label="acc", seed=0)
    assert row.detectable == pytest.approx(5 / 150)
    assert compare("t", a, a, model_a="a", model_b="b", label="acc", seed=0).detectable is None


def test_where_test_and_interval_disagree_nothing_is_told() -> None:
    doubtful = compared(0.001, 0.01, task="t").model_copy(update={"ci95": (-0.01, 0.03)})
    assert with_verdicts([doubtful], set())[0].verdict == "undecided"
    exact = doubtful.model_copy(update={"test": "mcnemar-mid-p"})
    assert with_verdicts([exact], set())[0].verdict == "better"


def test_only_items_that_both_models_have_are_compared() -> None:
    a = accuracy([1, 1, 0], items=["x", "y", "z"])
    b = accuracy([0, 1, 1], items=["z", "y", "w"])
    row = compare("t", a, b, model_a="a", model_b="b", label="acc", seed=0)
    assert (row.n, row.a, row.b) == (2, 0.5, 0.5)


def test_fewer_bits_are_an_improvement() -> None:
    groups = ["a", "b", "c"]
    a, b = bits([190, 95, 48], [100, 50, 25], groups), bits([200, 100, 50], [100, 50, 25], groups)
    row = compare("t", a, b, model_a="a", model_b="b", label="bits_per_byte", seed=0)
    assert row.difference < 0 < row.improvement


def test_a_single_group_is_compared_without_an_interval() -> None:
    a, b = accuracy([1, 1], ["g", "g"]), accuracy([0, 0], ["g", "g"])
    row = compare("t", a, b, model_a="a", model_b="b", label="acc", seed=0)
    assert (row.ci95, row.detectable, row.p_value) == (None, None, 1.0)


def compared(p_value: float, difference: float, *, task: str, metric: str = "acc") -> Comparison:
    return Comparison(
        task=task, metric=metric, model_a="a", model_b="b", form_a=None, form_b=None, a=0.5 + difference, b=0.5,
        difference=difference, ci95=None, p_value=p_value, test="sign-flip", detectable=None, n=100, groups=100,
    )  # fmt: skip


def test_a_difference_must_stand_out_among_all_that_were_asked() -> None:
    alone = [compared(0.03, 0.1, task="t0")]
    assert with_verdicts(alone, {("t0", "acc")})[0].verdict == "better"
    among = [*alone, compared(0.4, -0.1, task="t1"), compared(0.001, -0.2, task="t2")]
    judged = with_verdicts(among, {("t0", "acc"), ("t1", "acc"), ("t2", "acc")})
    assert [one.p_adjusted for one in judged] == pytest.approx([0.06, 0.4, 0.003])
    assert [one.verdict for one in judged] == ["undecided", "undecided", "worse"]


def test_what_else_was_measured_takes_nothing_from_what_was_chosen() -> None:
    others = [compared(0.5, 0.0, task="t", metric=f"other{place}") for place in range(20)]
    judged = with_verdicts([compared(0.03, 0.1, task="t"), *others], {("t", "acc")})
    assert judged[0].p_adjusted == 0.03
    assert {one.p_adjusted for one in judged[1:]} == {1.0}


@pytest.mark.parametrize(
    ("metric", "lower"),
    [
        ("acc", False),
        ("acc,strict[chat]", False),
        ("bits_per_byte", True),
        ("failed_timeout", True),
        ("pass@3", False),
    ],
)
def test_which_side_is_better(metric: str, lower: bool) -> None:
    assert lower_is_better(metric) is lower


def test_fewer_bits_are_better() -> None:
    (judged,) = with_verdicts([compared(0.01, -0.1, task="t", metric="bits_per_byte")], set())
    assert judged.verdict == "better"
