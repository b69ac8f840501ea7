"""Gates: conditions on what was measured, each decided with its reason in one sentence.

What cannot be told does not pass: a value that is not surely better than what it should beat, an interval that reaches
beyond the margin, a figure that was not measured. The burden of proof is on the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ontogeny.core.files import digest_json
from ontogeny.evaluate.config_gates import BASELINE, FIGURES, SIZE, Gate
from ontogeny.evaluate.outcome import comparison_seed, side_metrics
from ontogeny.evaluate.runner import Evaluation
from ontogeny.evaluate.scores import (
    Comparison,
    Floats,
    Metric,
    Result,
    common,
    lower_is_better,
    on_items,
)
from ontogeny.evaluate.seeds import Side, compared, measured
from ontogeny.evaluate.subject import Subject
from ontogeny.evaluate.wording import is_share, p_equals
from ontogeny.lineage.manifest import Verdict
from ontogeny.model.formats.companions import GGUF_SUFFIX, model_files
from ontogeny.report import numbers
from ontogeny.statistics.intervals import CONFIDENCE
from ontogeny.statistics.paired import one_sided_p
from ontogeny.tasks.metrics import STATISTICS

DIGITS = 4
MOST_ITEMS = 20  # enough to read, few enough for a manifest
RULE_OF_THREE = (
    3.0  # what did not happen in n cases has, with 95%, a share below 3/n (Hanley, Lippman-Hand 1983)
)


class _Finding(NamedTuple):
    passed: bool
    reason: str
    items: tuple[str, ...] = ()


def decide_all(
    gates: Iterable[Gate], evaluation: Evaluation, opponents: Mapping[str, Subject]
) -> tuple[Verdict, ...]:
    """A verdict of every gate on every training under evaluation; `opponents` are the models that gates name."""
    return tuple(
        decide(gate, evaluation, opponents.get(gate.name), member=member)
        for gate in gates
        for member in evaluation.model.members
    )


def decide(
    gate: Gate, evaluation: Evaluation, opponent: Subject | None = None, *, member: Subject | None = None
) -> Verdict:
    """The gate's verdict on the evaluated model; of several trainings together, written down for `member`."""
    finding = _decide(gate, evaluation, opponent)
    asked = [one for one in evaluation.assignments if one.suite.name == gate.suite]
    return Verdict(
        gate=gate.name,
        passed=finding.passed,
        reason=finding.reason,
        model_digest=(member or evaluation.model.members[0]).digest,
        suite_digest=asked[0].digest(evaluation.limit) if asked else digest_json({"metric": gate.metric}),
        blocks=gate.blocks,
        items=() if finding.passed else finding.items,
    )


def _decide(gate: Gate, evaluation: Evaluation, opponent: Subject | None) -> _Finding:
    if gate.metric == SIZE:
        return _counted(gate, max(_bytes_of(member) for member in evaluation.model.members))
    scores = evaluation.scores[gate.suite]
    own = [scores[name] for name in evaluation.model.names]
    if gate.measure in FIGURES and not gate.part:
        if any(gate.measure not in one.figures for one in own):
            return _Finding(False, f"{gate.metric} was not measured")
        return _counted(gate, max(one.figures[gate.measure] for one in own))
    if gate.part and gate.part not in own[0].slices:
        known = ", ".join(own[0].slices) or "none"
        return _Finding(False, f"no item of {gate.suite} belongs to a part {gate.part!r}; parts: {known}")
    metrics = _metrics(gate, evaluation, evaluation.model)
    if gate.opponent is not None:
        return _against(gate, evaluation, metrics, opponent)
    found = measured(
        gate.suite, evaluation.model.name, metrics, label=gate.measure, confidence=gate.confidence or CONFIDENCE
    )  # fmt: skip
    if gate.below is not None:
        xz = own[0].figures["xz_bits_per_byte"]
        passed = found.value < xz
        reason = (
            f"{_stated(gate, found.value)}, {_not(passed)}below the {numbers.measure(xz, DIGITS)} of xz -9e"
        )
        return _Finding(passed, reason, _pulling(_pulls(metrics), wants_more=False))
    if gate.above is not None:
        finding = _above_chance(gate, found, own[0].figures.get("chance"))
        return finding._replace(items=_pulling(_pulls(metrics), wants_more=True))
    finding = _bounded(gate, found)
    return finding._replace(items=_pulling(_pulls(metrics), wants_more=gate.at_least is not None))


def _counted(gate: Gate, value: float) -> _Finding:
    """A figure without an error."""
    shown = numbers.count(value) if gate.metric == SIZE else numbers.measure(value, DIGITS)
    return _held_to(gate, f"{gate.metric} is {shown}", value, value)


def _bounded(gate: Gate, found: Result) -> _Finding:
    """`at_least` and `at_most`, by the value, or by the end of its interval."""
    stated = _stated(gate, found.value)
    if gate.confidence is None:
        return _held_to(gate, stated, found.value, found.value)
    if found.ci95 is None:
        return _Finding(False, f"{stated}; a single group of items gives no interval")
    return _held_to(gate, f"{stated}, {_interval(gate, found.ci95)}", *found.ci95)


def _held_to(gate: Gate, stated: str, low: float, high: float) -> _Finding:
    if gate.at_least is not None:
        passed = low >= gate.at_least
        return _Finding(passed, f"{stated}, {_not(passed)}at least {gate.at_least:g}")
    assert gate.at_most is not None
    passed = high <= gate.at_most
    return _Finding(passed, f"{stated}, {_not(passed)}at most {gate.at_most:g}")


def _above_chance(gate: Gate, found: Result, chance: float | None) -> _Finding:
    stated = _stated(gate, found.value)
    if chance is None:
        return _Finding(False, f"{stated}; what guessing would reach is not known of {gate.suite}")
    if found.stderr is None:
        return _Finding(
            False, f"{stated}; a single group of items cannot tell it apart from chance ({chance:.4g})"
        )
    p = one_sided_p(found.value, chance, found.stderr)
    passed = p < gate.significance
    return _Finding(
        passed,
        f"{stated}, {_not(passed)}significantly above chance ({chance:.4g}): "
        f"one-sided {p_equals(p)}, n = {numbers.count(found.n)}",
    )


def _against(
    gate: Gate, evaluation: Evaluation, metrics: Sequence[Metric], opponent: Subject | None
) -> _Finding:
    """`better_than` and `not_worse_than`, on the same items."""
    side = evaluation.baseline if gate.opponent == BASELINE else Side.of(opponent) if opponent else None
    assert side is not None, "the configuration says whom"
    if set(side.names) & set(evaluation.model.names):
        same = f"{side.name} is the very model that it is compared with"
        return _Finding(gate.better_than is None, same)
    others = _metrics(gate, evaluation, side)
    comparison = compared(
        gate.suite, metrics, others, model_a=evaluation.model.name, model_b=side.name, label=gate.measure,
        seed=comparison_seed(evaluation.seed, gate.suite, gate.measure), confidence=gate.confidence or CONFIDENCE,
    )  # fmt: skip
    shared = common([*metrics, *others])
    pulls = _pulls(shared[: len(metrics)], shared[len(metrics) :])
    wants_more = not lower_is_better(gate.measure)
    lost = _pulling(pulls, wants_more=wants_more, most=None)
    won = _pulling(pulls, wants_more=not wants_more, most=None)
    moved = f"worse on {len(lost):,} of {comparison.n:,} items, better on {len(won):,}"
    passed, reason = (
        _no_worse(gate, comparison) if gate.not_worse_than is not None else _better(gate, comparison)
    )
    return _Finding(
        passed, f"{_stated(gate, comparison.a)}, {_not(passed)}{reason}; {moved}", lost[:MOST_ITEMS]
    )


def _better(gate: Gate, comparison: Comparison) -> tuple[bool, str]:
    passed = comparison.improvement > 0 and comparison.p_value < gate.significance
    return passed, (
        f"significantly better than the {numbers.measure(comparison.b, DIGITS)} of "
        f"{comparison.model_b}: paired {p_equals(comparison.p_value)}, n = {numbers.count(comparison.n)}"
    )


def _no_worse(gate: Gate, comparison: Comparison) -> tuple[bool, str]:
    """Non-inferiority: the end of the interval that is worst for the model lies within the margin."""
    assert gate.not_worse_than is not None
    margin = gate.not_worse_than.margin
    reason = (
        f"surely within {margin:g} of the {numbers.measure(comparison.b, DIGITS)} of {comparison.model_b}: "
    )
    if comparison.ci95 is None:
        return False, reason + "a single group of items gives no interval"
    low, high = comparison.ci95
    worst = -high if lower_is_better(gate.measure) else low
    if low == high and is_share(gate.measure):
        worst -= RULE_OF_THREE / comparison.groups
    difference = numbers.signed(comparison.difference, DIGITS)
    return worst > -margin, f"{reason}difference {difference}, {_interval(gate, comparison.ci95)}"


def _interval(gate: Gate, bounds: tuple[float, float]) -> str:
    return f"{100 * (gate.confidence or CONFIDENCE):g}% interval {numbers.interval(bounds, DIGITS)}"


def _metrics(gate: Gate, evaluation: Evaluation, side: Side) -> list[Metric]:
    """The gate's metric of each training of a side, on the part of the items that it is about."""
    scores = evaluation.scores[gate.suite]
    metrics = side_metrics(scores, evaluation.forms[gate.suite], side, gate.measure)
    if not gate.part:
        return metrics
    chosen = set(scores[evaluation.model.names[0]].slices[gate.part])
    return [on_items(metric, chosen) for metric in metrics]


def _pulls(metrics: Sequence[Metric], others: Sequence[Metric] = ()) -> dict[str, float]:
    """How much each item raises the metric, or what it is ahead of `others`; the mean over trainings."""
    own = np.mean([_influences(metric, alone=not others) for metric in metrics], axis=0)
    if others:
        own = own - np.mean([_influences(metric, alone=False) for metric in others], axis=0)
    return dict(zip(metrics[0].items, own.tolist(), strict=True))


def _influences(metric: Metric, *, alone: bool) -> Floats:
    """(N,) what each item adds: to a sum, or to another statistic what leaving the item out would take away."""
    if metric.summands:
        rows = np.array(metric.summands)
        statistic = STATISTICS[metric.statistic]
        return metric.value - np.nan_to_num(statistic(rows.sum(0) - rows), nan=metric.value)
    tops = np.array(metric.tops)
    return tops - metric.value * np.array(metric.bottoms) if alone else tops


def _pulling(
    pulls: Mapping[str, float], *, wants_more: bool, most: int | None = MOST_ITEMS
) -> tuple[str, ...]:
    """The items that pull the metric the wrong way, the strongest first."""
    sign = 1.0 if wants_more else -1.0
    wrong = sorted((item for item in pulls if sign * pulls[item] < 0), key=lambda item: sign * pulls[item])
    return tuple(wrong[:most])


def _bytes_of(subject: Subject) -> int:
    """The size of the files that make up the model."""
    files = [*model_files(subject.folder), *subject.folder.glob(f"*{GGUF_SUFFIX}")]
    return sum(path.stat().st_size for path in files)


def _stated(gate: Gate, value: float) -> str:
    return f"{gate.metric} is {numbers.measure(value, DIGITS)}"


def _not(passed: bool) -> str:
    return "" if passed else "not "
