"""Which items moved a metric: told only where a single item has a value."""

from __future__ import annotations

import pytest

from ontogeny.evaluate.moved import moved_items, pulling
from ontogeny.evaluate.scores import Metric


def summed(statistic: str, rows: list[tuple[float, ...]]) -> Metric:
    names = tuple(f"i{place}" for place in range(len(rows)))
    return Metric(
        name=statistic, form=None, items=names, groups=names, tops=(), bottoms=(), statistic=statistic,
        summands=tuple(rows),
    )  # fmt: skip


def rated(tops: list[float], bottoms: list[float]) -> Metric:
    names = tuple(f"i{place}" for place in range(len(tops)))
    return Metric(name="rate", form=None, items=names, groups=names, tops=tuple(tops), bottoms=tuple(bottoms))


def test_a_perplexity_is_worse_where_it_is_higher() -> None:
    good = summed("perplexity", [(10.0, 10.0), (40.0, 20.0), (6.0, 6.0)])
    bad = summed("perplexity", [(20.0, 10.0), (90.0, 20.0), (7.0, 6.0)])
    moved = moved_items([bad], [good], wants_more=False)
    assert moved.told == "; worse on 3 of 3 items, better on 0"
    assert moved.lost == ("i1", "i0", "i2")
    assert moved_items([good], [bad], wants_more=False) == ("; worse on 0 of 3 items, better on 3", ())


def test_each_side_has_its_own_denominators() -> None:
    short, long = rated([4.0, 5.0], [5.0, 5.0]), rated([90.0, 70.0], [100.0, 100.0])
    assert moved_items([short], [long], wants_more=True).told == "; worse on 1 of 2 items, better on 1"


def test_a_correlation_has_no_value_on_an_item() -> None:
    right = [(1.0, 0.0, 1.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 1.0, 0.0, 1.0)]
    wrong = (0.0, 0.0, 1.0, 0.0, 0.0, 1.0)
    moved = moved_items(
        [summed("mcc", [*right, wrong])], [summed("mcc", [*right, right[0]])], wants_more=True
    )
    assert moved == ("", ("i2",))


def test_what_pulls_a_metric_down() -> None:
    assert pulling([rated([1.0, 0.0, 0.4], [1.0, 1.0, 1.0])], wants_more=True) == ("i1", "i2")
    assert pulling([rated([1.0, 0.0, 0.4], [1.0, 1.0, 1.0])], wants_more=False) == ("i0",)


@pytest.mark.parametrize("count", [2, 3])
def test_several_trainings_count_by_their_means(count: int) -> None:
    a = [rated([1.0, 0.0], [1.0, 1.0])] * count
    b = [rated([0.0, 0.0], [1.0, 1.0]), rated([1.0, 1.0], [1.0, 1.0])]
    assert moved_items(a, b, wants_more=True).told == "; worse on 1 of 2 items, better on 1"
