"""Gates: conditions on what was measured, each decided with its reason in one sentence."""

from __future__ import annotations

from ontogeny.evaluate.runner import Evaluation
from ontogeny.evaluate.scores import Comparison, Result
from ontogeny.evaluate.suites import Gate
from ontogeny.lineage.manifest import Verdict
from ontogeny.report import numbers
from ontogeny.statistics.paired import one_sided_p

DIGITS = 4


def decide(gate: Gate, evaluation: Evaluation) -> Verdict:
    """The gate's verdict on the evaluated model.

    A value that cannot be told apart from what it should beat does not pass: the burden of proof is on the model.
    """
    passed, reason = _decide(gate, evaluation)
    assignment = next(one for one in evaluation.assignments if one.suite.name == gate.suite)
    return Verdict(
        gate=gate.name,
        passed=passed,
        reason=reason,
        model_digest=evaluation.model.digest,
        suite_digest=assignment.digest(evaluation.limit),
        blocks=gate.blocks,
    )


def _decide(gate: Gate, evaluation: Evaluation) -> tuple[bool, str]:
    measured = _result(gate, evaluation)
    value = measured.value
    stated = f"{gate.metric} is {numbers.measure(value, DIGITS)}"
    if gate.at_least is not None:
        passed = value >= gate.at_least
        return passed, f"{stated}, {'' if passed else 'not '}at least {gate.at_least:g}"
    if gate.at_most is not None:
        passed = value <= gate.at_most
        return passed, f"{stated}, {'' if passed else 'not '}at most {gate.at_most:g}"
    if gate.below is not None:
        xz = _figure(gate, evaluation, "xz_bits_per_byte")
        passed = value < xz
        return (
            passed,
            f"{stated}, {'' if passed else 'not '}below the {numbers.measure(xz, DIGITS)} of xz -9e",
        )
    if gate.above is not None:
        chance = _figure(gate, evaluation, "chance")
        return _above_chance(stated, measured, chance, gate.significance)
    return _better(stated, _comparison(gate, evaluation), gate.significance)


def _above_chance(stated: str, measured: Result, chance: float, significance: float) -> tuple[bool, str]:
    if measured.stderr is None:
        return False, f"{stated}; a single group of items cannot tell it apart from chance ({chance:.4g})"
    p = one_sided_p(measured.value, chance, measured.stderr)
    passed = p < significance
    return passed, (
        f"{stated}, {'' if passed else 'not '}significantly above chance ({chance:.4g}): "
        f"one-sided {_p(p)}, n = {numbers.count(measured.n)}"
    )


def _better(stated: str, comparison: Comparison, significance: float) -> tuple[bool, str]:
    passed = comparison.improvement > 0 and comparison.p_value < significance
    return passed, (
        f"{stated}, {'' if passed else 'not '}significantly better than the {numbers.measure(comparison.b, DIGITS)} of "
        f"{comparison.model_b}: paired {_p(comparison.p_value)}, n = {numbers.count(comparison.n)}"
    )


def _p(value: float) -> str:
    written = numbers.p_value(value)
    return f"p {written}" if written.startswith("<") else f"p = {written}"


def _result(gate: Gate, evaluation: Evaluation) -> Result:
    return next(
        row
        for row in evaluation.results
        if (row.task, row.metric, row.model) == (gate.suite, gate.measure, evaluation.model.name)
    )


def _comparison(gate: Gate, evaluation: Evaluation) -> Comparison:
    return next(row for row in evaluation.comparisons if (row.task, row.metric) == (gate.suite, gate.measure))


def _figure(gate: Gate, evaluation: Evaluation, name: str) -> float:
    return evaluation.scores[gate.suite][evaluation.model.name].figures[name]
