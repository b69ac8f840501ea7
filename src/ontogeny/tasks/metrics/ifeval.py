"""IFEval: how many instructions an answer follows, and how often all of its prompt's.

Source: Zhou et al. 2023, arXiv 2311.07911. Strict takes the answer as it is. Loose also takes it without its first
line, its last line, both (a greeting, a closing word), and each of these without asterisks (Markdown), and is
content with one that follows (section 2.2). The rules are in `ifeval_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ontogeny.core.errors import DataError
from ontogeny.tasks.metrics.ifeval_rules import follows, mistake_in
from ontogeny.tasks.metrics.kind import Judgement, MetricKind, Summands
from ontogeny.tasks.requests import Answer, Item, OutputType

INSTRUCTIONS, ARGUMENTS = "instruction_id_list", "kwargs"
"""Columns of the data: names of rules, and for each what it is told."""


def strict(text: str) -> Iterator[str]:
    """The answer itself."""
    yield text


def loose(text: str) -> Iterator[str]:
    """The answer and what it may be taken for, eight texts."""
    lines = text.split("\n")
    parts = ("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))
    for reading in (text, *parts):
        yield reading
        yield reading.replace("*", "")


def followed(item: Item, text: str, variants: Callable[[str], Iterator[str]]) -> list[bool]:
    """For each instruction of the item whether one of the variants of `text` follows it; an empty text follows none.

    Raises:
        DataError: an instruction that is unknown, or lacks what it must be told.
    """
    if problem := _unfit(item, {}):
        raise DataError(problem, where=f"task {item.task!r}", hint="mend the row")
    readings = [one for one in variants(text) if one.strip()]
    return [
        any(follows(name, one, given) for one in readings) for name, given in _instructions(item.document)
    ]


def _instructions(document: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Name and arguments of each; tables keep an empty cell for every argument that the instruction does not take."""
    return [
        (name, {key: value for key, value in (given or {}).items() if value is not None})
        for name, given in zip(document[INSTRUCTIONS], document[ARGUMENTS], strict=True)
    ]


def _unfit(item: Item, options: Mapping[str, Any]) -> str | None:
    columns = [item.document.get(name) for name in (INSTRUCTIONS, ARGUMENTS)]
    names, arguments = columns
    if not isinstance(names, list) or not isinstance(arguments, list) or len(names) != len(arguments):
        return f"{INSTRUCTIONS} and {ARGUMENTS} are not two lists of one length"
    found = (mistake_in(name, given) for name, given in _instructions(item.document))
    return next((one for one in found if one is not None), None)


def _prompt_level(results: list[bool]) -> Summands:
    return float(all(results)), 1.0


def _instruction_level(results: list[bool]) -> Summands:
    return float(sum(results)), float(len(results))


def _metric(
    name: str, variants: Callable[[str], Iterator[str]], level: Callable[[list[bool]], Summands]
) -> MetricKind:
    def judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
        return {name: level(followed(item, str(answer.outputs[0]), variants))}

    return MetricKind(name, WRITTEN, judge, unfit=_unfit)


WRITTEN: frozenset[OutputType] = frozenset({"generate_until"})
METRICS = (
    _metric("prompt_level_strict_acc", strict, _prompt_level),
    _metric("inst_level_strict_acc", strict, _instruction_level),
    _metric("prompt_level_loose_acc", loose, _prompt_level),
    _metric("inst_level_loose_acc", loose, _instruction_level),
)
