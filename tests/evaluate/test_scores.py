"""From items to values, intervals and comparisons; the statistics themselves are tested in tests/statistics."""

from __future__ import annotations

import math

import pytest

from ontogeny.evaluate.scores import Comparison, Metric, compare, result, with_verdicts
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
    trials = share * (1 - share) / (share * (1 - share) / 39)
    assert (row.value, row.n, row.groups) == (share, 40, 40)
    assert row.stderr == pytest.approx(math.sqrt(share * (1 - share) / 39))
    assert row.ci95 == pytest.approx(wilson(share * trials, trials))


def test_answers_that_agree_within_groups_count_once() -> None:
    """10 groups of 4 equal answers tell as much as 10 answers."""
    grouped = result(
        "t", "m", accuracy([1] * 24 + [0] * 16, [f"g{place // 4}" for place in range(40)]), label="acc"
    )
    single = result("t", "m", accuracy([1] * 6 + [0] * 4), label="acc")
    assert grouped.stderr == pytest.approx(single.stderr)
    assert grouped.ci95 == pytest.approx(single.ci95)
    assert (grouped.n, grouped.groups) == (40, 10)


def test_all_right_still_has_an_interval() -> None:
    row = result("t", "m", accuracy([1] * 12, ["a", "b", "c"] * 4), label="acc")
    assert row.stderr == 0.0
    assert row.ci95 == wilson(3, 3)


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


def test_fewer_bits_are_better() -> None:
    (judged,) = with_verdicts([compared(0.01, -0.1, task="t", metric="bits_per_byte")], set())
    assert judged.verdict == "better"
