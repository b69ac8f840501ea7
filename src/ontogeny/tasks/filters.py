"""Filters: from what a model wrote to what is compared, step by step, as lm-evaluation-harness has them.

A filter sees the repeats of one item and gives as many texts, one (`take_first`, `majority_vote`), or the first few
(`take_first_k`). Without a pipeline the first text counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import regex

from ontogeny.core.errors import RecipeError, UsageError, nearest
from ontogeny.tasks.definition import Pipeline

Outputs: TypeAlias = tuple[Any, ...]
Filter: TypeAlias = Callable[[Outputs], Outputs]

HARNESS_PATTERN = r"#### (\-?[0-9\.\,]+)"
PART_OF_SPEECH = re.compile(r"\('([^']*)', '([^']*)'\)")
INVALID = "[invalid]"
SEARCH_SECONDS = (
    2.0  # of one text by a pattern: one that can be matched in exponentially many ways would never end
)
FUNCTION = "function"


def compiled(pipelines: Sequence[Pipeline], *, where: str) -> dict[str, Filter]:
    """Each pipeline by name; one that takes the first text, by the empty name, where there is none.

    Raises:
        RecipeError: an unknown filter or argument, or a pattern that is no regular expression.
    """
    if not pipelines:
        return {"": _take_first}
    return {
        pipeline.name: _pipeline([_step(step, where) for step in pipeline.filter]) for pipeline in pipelines
    }


def _pipeline(steps: Sequence[Filter]) -> Filter:
    def run(outputs: Outputs) -> Outputs:
        for step in steps:
            outputs = step(outputs)
        return outputs

    return run


def _step(step: Mapping[str, Any], where: str) -> Filter:
    name = str(step.get(FUNCTION, ""))
    if name not in FILTERS:
        raise RecipeError(
            f"unknown filter {name!r}.{nearest(name, FILTERS)}" if name else "a filter needs `function: NAME`",
            where=where, hint=f"filters are {', '.join(FILTERS)}",
        )  # fmt: skip
    make, arguments = FILTERS[name]
    given = {key: value for key, value in step.items() if key != FUNCTION}
    for key in given:
        if key not in arguments:
            raise RecipeError(
                f"filter {name}: unknown argument {key!r}.{nearest(key, arguments)}", where=where,
                hint=f"it takes {', '.join(arguments) or 'none'}",
            )  # fmt: skip
    try:
        return make(**given)
    except regex.error as error:
        raise RecipeError(
            f"filter {name}: {given['regex_pattern']!r} is no regular expression ({error})", where=where,
            hint="in YAML, single quotes keep backslashes as they are",
        ) from error  # fmt: skip
    except TypeError as error:
        raise RecipeError(
            f"filter {name} lacks an argument", where=where, hint=f"it takes {', '.join(arguments)}"
        ) from error


def _each(change: Callable[[Any], Any]) -> Filter:
    return lambda outputs: tuple(change(output) for output in outputs)


def _take_first(outputs: Outputs) -> Outputs:
    return outputs[:1]


def _take_first_k(k: int) -> Filter:
    return lambda outputs: outputs[:k]


def _majority(outputs: Outputs) -> Outputs:
    """The text that was written most often; the first of equals."""
    return (Counter(outputs).most_common(1)[0][0],)


def _regex(regex_pattern: str = HARNESS_PATTERN, group_select: int = 0, fallback: str = INVALID) -> Filter:
    """The `group_select`th match (of several groups the first that is not empty), or `fallback`.

    Raises:
        UsageError: while filtering, a text in which the pattern is sought for longer than `SEARCH_SECONDS`.
    """
    pattern = regex.compile(regex_pattern)

    def extract(output: Any) -> str:
        text = output if isinstance(output, str) else ""
        try:
            found = pattern.findall(text, timeout=SEARCH_SECONDS)
        except TimeoutError as error:
            raise UsageError(
                f"filter regex: {regex_pattern!r} is still sought after {SEARCH_SECONDS:g} s in a text of "
                f"{len(text):,} characters",
                hint="something in it matches the same text in many ways, as (a+)+ does: write it without",
            ) from error
        if not -len(found) <= group_select < len(found):
            return fallback
        match = found[group_select]
        if isinstance(match, tuple):
            match = next((group for group in match if group), fallback)
        return str(match).strip()

    return _each(extract)


def _parts_of_speech(
    regex_pattern: str = "", group_select: int = 0, fallback: Sequence[str] = ("invalid",)
) -> Filter:
    """The second of each pair in `[('word', 'NOUN'), ...]`; harness, too, uses none of the other arguments."""

    def extract(output: Any) -> list[str]:
        pairs = PART_OF_SPEECH.findall(output) if isinstance(output, str) else output
        return [tag for _, tag in pairs] or list(fallback)

    return _each(extract)


def _map(mapping_dict: Mapping[Any, Any] | None = None, default_value: Any = None) -> Filter:
    known = dict(mapping_dict or {})
    return _each(lambda output: known.get(output, default_value))


def _fixed(change: Filter) -> Callable[[], Filter]:
    return lambda: change


FILTERS: Mapping[str, tuple[Callable[..., Filter], tuple[str, ...]]] = {
    "take_first": (_fixed(_take_first), ()),
    "take_first_k": (_take_first_k, ("k",)),
    "majority_vote": (_fixed(_majority), ()),
    "regex": (_regex, ("regex_pattern", "group_select", "fallback")),
    "regex_pos": (_parts_of_speech, ("regex_pattern", "group_select", "fallback")),
    "remove_whitespace": (_fixed(_each(str.strip)), ()),
    "lowercase": (_fixed(_each(str.lower)), ()),
    "uppercase": (_fixed(_each(str.upper)), ()),
    "map": (_map, ("mapping_dict", "default_value")),
}
"""By harness's names: how to make it, and its arguments."""
