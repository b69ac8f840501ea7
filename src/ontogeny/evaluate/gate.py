"""Gates: conditions on what was measured, each decided with its reason in one sentence.

What cannot be told does not pass: a value that is not surely better than what it should beat, an interval that reaches
beyond the margin, a figure that was not measured. The burden of proof is on the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ontogeny.core.files import digest_json
from ontogeny.evaluate.config_gates import BASELINE, FIGURES, SIZE, Gate
from ontogeny.evaluate.moved import moved_items, pulling
from ontogeny.evaluate.outcome import comparison_seed, side_metrics
from ontogeny.evaluate.runner import Evaluation
from ontogeny.evaluate.scores import (
    Comparison,
    Metric,
    Result,
    lower_is_better,
    on_items,
)
from ontogeny.evaluate.seeds import Side, compared, measured
from ontogeny.evaluate.subject import Subject
from ontogeny.evaluate.uncertainty import p_above
from ontogeny.evaluate.wording import p_equals
from ontogeny.lineage.manifest import Verdict
from ontogeny.model.formats.companions import GGUF_SUFFIX, model_files
from ontogeny.report import numbers
from ontogeny.statistics.intervals import CONFIDENCE

DIGITS = 4


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
            searched = [one.contamination for one in own if one.contamination is not None]
            short = any(one.searched and not one.tellable for one in searched)
            why = "cannot be told: every item is too short" if short else "was not measured"
            return _Finding(False, f"{gate.metric} {why}")
        return _counted(gate, max(one.figures[gate.measure] for one in own))
    unread = _Finding(False, f"{gate.metric} was not measured: the judge could not tell it")
    if not all(one.has(gate.measure) for one in own):
        return unread
    if gate.part and gate.part not in own[0].slices:
        known = ", ".join(own[0].slices) or "none"
        return _Finding(False, f"no item of {gate.suite} belongs to a part {gate.part!r}; parts: {known}")
    metrics = _metrics(gate, evaluation, evaluation.model)
    if not all(one.items for one in metrics):
        return unread
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
        return _Finding(passed, reason, pulling(metrics, wants_more=False))
    if gate.above is not None:
        finding = _above_chance(gate, found, metrics, own[0].figures.get("chance"))
        return finding._replace(items=pulling(metrics, wants_more=True))
    finding = _bounded(gate, found)
    return finding._replace(items=pulling(metrics, wants_more=gate.at_least is not None))


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
        return _Finding(False, f"{stated}; {_no_interval(found.groups)}")
    return _held_to(gate, f"{stated}, {_interval(gate, found.ci95)}", *found.ci95)


def _held_to(gate: Gate, stated: str, low: float, high: float) -> _Finding:
    if gate.at_least is not None:
        passed = low >= gate.at_least
        return _Finding(passed, f"{stated}, {_not(passed)}at least {gate.at_least:g}")
    assert gate.at_most is not None
    passed = high <= gate.at_most
    return _Finding(passed, f"{stated}, {_not(passed)}at most {gate.at_most:g}")


def _above_chance(gate: Gate, found: Result, metrics: Sequence[Metric], chance: float | None) -> _Finding:
    stated = _stated(gate, found.value)
    if chance is None:
        return _Finding(False, f"{stated}; what guessing would reach is not known of {gate.suite}")
    if found.stderr is None:
        return _Finding(
            False, f"{stated}; a single group of items cannot tell it apart from chance ({chance:.4g})"
        )
    p = p_above(found, metrics, chance)
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
    moved = moved_items(metrics, others, wants_more=not lower_is_better(gate.measure))
    passed, reason = (
        _no_worse(gate, comparison) if gate.not_worse_than is not None else _better(gate, comparison)
    )
    return _Finding(passed, f"{_stated(gate, comparison.a)}, {reason}{moved.told}", moved.lost)


def _better(gate: Gate, comparison: Comparison) -> tuple[bool, str]:
    told = comparison.p_value < gate.significance and not comparison.is_doubtful
    passed = told and comparison.improvement > 0
    found = "worse" if told and comparison.improvement < 0 else "better"
    return passed, (
        f"{_not(passed or found == 'worse')}significantly {found} than the "
        f"{numbers.measure(comparison.b, DIGITS)} of {comparison.model_b}: paired {p_equals(comparison.p_value)}, "
        f"n = {numbers.count(comparison.n)}"
    )


def _no_worse(gate: Gate, comparison: Comparison) -> tuple[bool, str]:
    """Non-inferiority: the end of the interval that is worst for the model lies within the margin."""
    assert gate.not_worse_than is not None
    margin = gate.not_worse_than.margin
    within = (
        f"surely within {margin:g} of the {numbers.measure(comparison.b, DIGITS)} of {comparison.model_b}: "
    )
    if comparison.ci95 is None:
        return False, f"not {within}{_no_interval(comparison.groups)}"
    low, high = comparison.ci95
    passed = (-high if lower_is_better(gate.measure) else low) > -margin
    difference = numbers.signed(comparison.difference, DIGITS)
    return passed, f"{_not(passed)}{within}difference {difference}, {_interval(gate, comparison.ci95)}"


def _no_interval(groups: int) -> str:
    if groups == 1:
        return "a single group of items gives no interval"
    return f"all {groups:,} groups of items agree, which gives no interval"


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


def _bytes_of(subject: Subject) -> int:
    """The size of the files that make up the model."""
    files = [*model_files(subject.folder), *subject.folder.glob(f"*{GGUF_SUFFIX}")]
    return sum(path.stat().st_size for path in files)


def _stated(gate: Gate, value: float) -> str:
    return f"{gate.metric} is {numbers.measure(value, DIGITS)}"


def _not(passed: bool) -> str:
    return "" if passed else "not "
