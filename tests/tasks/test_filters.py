"""Filters: from what was written to what is compared."""

from __future__ import annotations

from typing import Any

import pytest

from ontogeny.core.errors import RecipeError, UsageError
from ontogeny.tasks import filters
from ontogeny.tasks.definition import Pipeline
from ontogeny.tasks.filters import compiled

GSM8K = r"#### (\-?[0-9\.\,]+)"


def run(*steps: dict[str, Any], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return compiled([Pipeline(name="p", filter=steps)], where="task.yaml:3")["p"](outputs)


@pytest.mark.parametrize(
    ("steps", "outputs", "wanted"),
    [
        ([{"function": "take_first"}], ("a", "b"), ("a",)),
        ([{"function": "take_first_k", "k": 2}], ("a", "b", "c"), ("a", "b")),
        ([{"function": "majority_vote"}], ("a", "b", "b", "a"), ("a",)),
        ([{"function": "regex", "regex_pattern": GSM8K}], ("so #### 12.", "none"), ("12.", "[invalid]")),
        ([{"function": "regex", "regex_pattern": r"\d+", "group_select": -1}], ("1 2 3",), ("3",)),
        ([{"function": "regex", "regex_pattern": r"(x)|(\d)", "group_select": 1}], ("x 4",), ("4",)),
        ([{"function": "regex", "regex_pattern": "z", "fallback": "?"}], ("a",), ("?",)),
        (
            [{"function": "regex_pos"}],
            ("[('dog', 'NOUN'), ('runs', 'VERB')]", "x"),
            (["NOUN", "VERB"], ["invalid"]),
        ),
        ([{"function": "remove_whitespace"}, {"function": "lowercase"}], (" A ",), ("a",)),
        ([{"function": "uppercase"}], ("a",), ("A",)),
        ([{"function": "map", "mapping_dict": {"a": 1}, "default_value": 0}], ("a", "b"), (1, 0)),
    ],
)
def test_each_filter(steps: list[dict[str, Any]], outputs: tuple[Any, ...], wanted: tuple[Any, ...]) -> None:
    assert run(*steps, outputs=outputs) == wanted


def test_a_pattern_that_would_never_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "SEARCH_SECONDS", 0.01)
    with pytest.raises(
        UsageError, match=r"still sought after 0.01 s in a text of 61 characters\n→ .*many ways"
    ):
        run({"function": "regex", "regex_pattern": r"(a|aa)+$"}, outputs=("a" * 60 + "b",))


def test_without_pipelines_the_first_text_counts() -> None:
    assert compiled([], where="")[""](("a", "b")) == ("a",)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"function": "take_frist"}, r"task.yaml:3: unknown filter 'take_frist'. Did you mean 'take_first'"),
        ({"regex_pattern": "x"}, "a filter needs `function: NAME`"),
        ({"function": "regex", "pattern": "x"}, "unknown argument 'pattern'. Did you mean 'regex_pattern'"),
        ({"function": "regex", "regex_pattern": "("}, "is no regular expression"),
        ({"function": "take_first_k"}, "filter take_first_k lacks an argument\n→ it takes k"),
    ],
)
def test_mistakes(step: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        run(step, outputs=("a",))
