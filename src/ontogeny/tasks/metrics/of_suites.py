"""Results that no task measures by itself: a suite adds them, from more than one answer to an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ontogeny.tasks.metrics.kind import MetricKind
from ontogeny.tasks.requests import Answer, Item
from ontogeny.tasks.result_names import ALL_ROTATIONS, PREFERRED, PREFERRED_AT_EQUAL_LENGTH


def _not_asked(item: Item, answer: Answer, options: Mapping[str, Any]) -> NoReturn:
    raise AssertionError("task files cannot ask for it")


METRICS = (
    MetricKind(ALL_ROTATIONS, frozenset(), _not_asked),
    MetricKind(PREFERRED, frozenset(), _not_asked),
    MetricKind(PREFERRED_AT_EQUAL_LENGTH, frozenset(), _not_asked),
)
