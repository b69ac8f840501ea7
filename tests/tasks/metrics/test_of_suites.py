"""Results that suites add: what they are called, and that task files cannot ask for them."""

from __future__ import annotations

import numpy as np
import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.metrics import STATISTICS, kind_of_result, metric_kind
from ontogeny.tasks.metrics.statistic import AT_EQUAL
from ontogeny.tasks.result_names import ALL_ROTATIONS, PREFERRED, PREFERRED_AT_EQUAL_LENGTH


@pytest.mark.parametrize("name", [ALL_ROTATIONS, PREFERRED, PREFERRED_AT_EQUAL_LENGTH])
def test_they_are_shares_of_which_more_is_better(name: str) -> None:
    kind = kind_of_result(name)
    assert kind is not None and kind.share and kind.higher_is_better
    with pytest.raises(RecipeError, match=f"unknown metric '{name}'"):
        metric_kind(name, "generate_until", where="task.yaml:3")


def test_the_share_at_equal_is_where_the_line_of_least_squares_stands() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 50))
    y = np.clip(0.6 + 0.2 * x + 0.1 * rng.normal(size=x.shape), 0, 1)
    sums = np.stack([np.ones_like(x), x, x * x, y, x * y], axis=-1).sum(1)
    expected = [np.polynomial.polynomial.polyfit(a, b, 1)[0] for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(STATISTICS[AT_EQUAL](sums), expected)


def test_it_is_the_mean_where_nothing_varies_and_a_share_always() -> None:
    for x in (0.0, 0.3):
        sums = np.array([4.0, 4 * x, 4 * x * x, 3.0, 3 * x])
        assert STATISTICS[AT_EQUAL](sums) == pytest.approx(0.75)
    x, y = np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.5, 1.0])
    assert STATISTICS[AT_EQUAL](np.array([3.0, x.sum(), (x * x).sum(), y.sum(), (x * y).sum()])) == 0.0
