"""JSON by RFC 8259, and what only looks like it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.tasks.metrics import METRICS
from ontogeny.tasks.metrics.json_validity import is_json
from ontogeny.tasks.requests import Answer, Item

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_subnormal=False, allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_json_writes_is_json_fenced_or_not(value: object) -> None:
    text = json.dumps(value)
    assert (
        is_json(text)
        and is_json(f"\n {text} \n")
        and is_json(f"```json\n{text}\n```")
        and is_json(f"```\n{text}\n```")
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "{", '{"a": 1,}', "{'a': 1}", "NaN", "[Infinity]", '{"a": 1, "a": 2}', '{"a": 1} {"b": 2}', "Sure: {}",
        '```json\n{}\n``` and more', "[" * 100_000,
    ],
)  # fmt: skip
def test_what_only_looks_like_json_is_none(text: str) -> None:
    assert not is_json(text)


def test_the_share_of_outputs_counts() -> None:
    item = Item("id", "task", "id", {}, ())
    kind = METRICS["json_validity", "generate_until"]
    assert kind.judge(item, Answer(outputs=("{}", "{")), {}) == {"json_validity": (0.5, 1.0)}
