"""pass@k: whether one of k programs that a model wrote does what its tests ask; and how the others failed.

Each output becomes a program by the template in the option `program`, which sees the columns of the data, `output` and
`reference`. It runs in isolation (`tasks.isolated_run`); where the system allows none, the task is refused before
anything is asked. Source: Chen et al. 2021, arXiv 2107.03374, section 2.1.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.tasks.definition import TaskDefinition
from ontogeny.tasks.isolated_run import ENDINGS, Ended, Limits, check_isolation, run_all_isolated
from ontogeny.tasks.metrics.kind import Judgement, MetricKind
from ontogeny.tasks.requests import Answer, Item, OutputType
from ontogeny.tasks.templates import TemplateMistakeError, render

PROGRAM = "{{output}}\n{{reference}}"
FAILURES = tuple(ending for ending in ENDINGS if ending != "passed")


def pass_at_k(n: int, passed: int, k: int) -> float:
    """The chance that one of k passes, estimated without bias from n of which `passed` did; `k` is at most n."""
    if n - passed < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(n - passed + 1, n + 1))


def _pass_at(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    ended = _ended(item, answer, options)
    passed = sum(one.how == "passed" for one in ended)
    ks = _ks(options)
    if max(ks) > len(ended):
        raise DataError(
            f"pass@{max(ks)} needs {max(ks)} outputs, and the filters leave {len(ended)}", where=f"task {item.task!r}",
            hint="take filters that keep every repeat",
        )  # fmt: skip
    return {f"pass@{k}": (pass_at_k(len(ended), passed, k), 1.0) for k in ks}


def _failures(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """Shares of the outputs by how they failed."""
    ended = _ended(item, answer, options)
    return {f"failed_{how}": (sum(one.how == how for one in ended) / len(ended), 1.0) for how in FAILURES}


def _ended(item: Item, answer: Answer, options: Mapping[str, Any]) -> Sequence[Ended]:
    source = options.get("program", PROGRAM)
    programs = []
    for output in answer.outputs:
        known = {**item.document, "output": str(output), "reference": item.references[0]}
        try:
            programs.append(render(source, known))
        except TemplateMistakeError as mistake:
            raise RecipeError(f"option program: {mistake}", where=f"task {item.task!r}") from mistake
    return _run(tuple(programs), options.get("cpu_s", Limits.cpu_s))


@functools.lru_cache(maxsize=8)  # both metrics look at an item, one after the other
def _run(programs: tuple[str, ...], cpu_s: int) -> tuple[Ended, ...]:
    return tuple(run_all_isolated(programs, Limits(cpu_s=cpu_s, wall_s=max(Limits.wall_s, 3.0 * cpu_s))))


def _ks(options: Mapping[str, Any]) -> list[Any]:
    """The values of k, unchecked."""
    k = options.get("k", 1)
    return k if isinstance(k, list) else [k]


def _check_pass(options: Mapping[str, Any], definition: TaskDefinition, where: str) -> None:
    ks = _ks(options)
    if not ks or any(not isinstance(k, int) or isinstance(k, bool) or k < 1 for k in ks):
        raise RecipeError(
            f"metric 'pass@k': k is {options['k']!r}", where=where, hint="give a count, or a list of them"
        )
    if max(ks) > definition.repeats:
        raise RecipeError(
            f"metric 'pass@k': pass@{max(ks)} needs {max(ks)} outputs of each item, and repeats is "
            f"{definition.repeats}",
            where=where, hint=f"write `repeats: {max(ks)}` or more, or a smaller k",
        )  # fmt: skip
    if definition.repeats > 1 and definition.generation_kwargs.heat == 0:
        raise RecipeError(
            f"at temperature 0 the {definition.repeats} repeats are one text",
            where=where,
            hint="give a temperature such as 0.8 (beside `do_sample: true` in generation_kwargs; in the short form "
            "`temperature`), or leave repeats out",
        )
    _check(options, definition, where)


def _check(options: Mapping[str, Any], definition: TaskDefinition, where: str) -> None:
    if options.get("cpu_s", 1) < 1:
        raise RecipeError(
            f"cpu_s is {options['cpu_s']}", where=where, hint="give whole seconds of processor time"
        )
    check_isolation()


WRITTEN: frozenset[OutputType] = frozenset({"generate_until"})
OPTIONS: Mapping[str, type | tuple[type, ...]] = {"program": str, "cpu_s": int}
METRICS = (
    MetricKind(
        "pass@k", WRITTEN, _pass_at, options={**OPTIONS, "k": (int, list)},
        results=lambda options: [f"pass@{k}" for k in _ks(options)], prefix="pass@",
        check=_check_pass, every_repeat=True,
    ),
    MetricKind(
        "code_failures", WRITTEN, _failures, higher_is_better=False, options=OPTIONS,
        results=lambda options: [f"failed_{how}" for how in FAILURES], prefix="failed_",
        check=_check, every_repeat=True,
    ),
)  # fmt: skip
