"""Results that suites add: what they are called, and that task files cannot ask for them."""

from __future__ import annotations

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.metrics import kind_of_result, metric_kind
from ontogeny.tasks.result_names import ALL_ROTATIONS, PREFERRED, PREFERRED_AT_EQUAL_LENGTH


@pytest.mark.parametrize("name", [ALL_ROTATIONS, PREFERRED, PREFERRED_AT_EQUAL_LENGTH])
def test_they_are_shares_of_which_more_is_better(name: str) -> None:
    kind = kind_of_result(name)
    assert kind is not None and kind.share and kind.higher_is_better
    with pytest.raises(RecipeError, match=f"unknown metric '{name}'"):
        metric_kind(name, "generate_until", where="task.yaml:3")
