"""Gates decide, and say why in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from ontogeny.evaluate.gate import decide
from ontogeny.evaluate.runner import Assignment, Evaluation, Source, evaluate
from ontogeny.evaluate.suites import BitsPerByteSuite, Gate, MultipleChoiceSuite
from tests.evaluate.conftest import FakeReader, subject


def evaluation(corpus: Source, choices: Source, *, skill: float, rate: float) -> Evaluation:
    return evaluate(
        subject("r/tutor@1", FakeReader(rate=rate, skill=skill)),
        [
            Assignment(BitsPerByteSuite(name="bits", data="corpus"), corpus),
            Assignment(MultipleChoiceSuite(name="choices", data="choices"), choices),
        ],
        baseline=subject("r/base@1", FakeReader(rate=2.0, skill=0.0)),
    )


@pytest.mark.parametrize(
    ("gate", "passes", "reason"),
    [
        ({"metric": "choices/acc", "at_least": 0.99}, True, "choices/acc is 1.0000, at least 0.99"),
        ({"metric": "choices/acc", "at_most": 0.5}, False, "choices/acc is 1.0000, not at most 0.5"),
        ({"metric": "bits/bits_per_byte", "at_most": 0.2}, True, ", at most 0.2"),
        ({"metric": "bits/bits_per_byte", "below": "xz"}, True, ", below the "),
        (
            {"metric": "choices/acc", "above": "chance"},
            True,
            ", significantly above chance (0.3333): one-sided p < 0.0001, n = 24",
        ),
        ({"metric": "choices/acc", "better_than": "baseline"}, True, "of r/base@1: paired p "),
        (
            {"metric": "bits/bits_per_byte", "better_than": "baseline"},
            True,
            ", significantly better than the ",
        ),
    ],
)
def test_a_good_model(
    corpus: Source, choices: Source, gate: dict[str, Any], passes: bool, reason: str
) -> None:
    found = evaluation(corpus, choices, skill=9.0, rate=0.1)
    verdict = decide(Gate(name="g", blocks=("small",), **gate), found)
    assert verdict.passed is passes
    assert reason in verdict.reason
    assert (verdict.gate, verdict.blocks, verdict.model_digest) == ("g", ("small",), "blake3:r/tutor@1")
    assignment = next(one for one in found.assignments if one.suite.name == gate["metric"].split("/")[0])
    assert verdict.suite_digest == assignment.digest(None)


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ({"metric": "choices/acc", "at_least": 0.99}, "not at least 0.99"),
        ({"metric": "bits/bits_per_byte", "below": "xz"}, "not below the "),
        (
            {"metric": "choices/acc", "above": "chance"},
            "not significantly above chance (0.3333): one-sided p = ",
        ),
        ({"metric": "choices/acc", "better_than": "baseline"}, "not significantly better than the "),
        ({"metric": "bits/bits_per_byte", "better_than": "baseline"}, "not significantly better than the "),
    ],
)
def test_a_bad_model(corpus: Source, choices: Source, gate: dict[str, Any], reason: str) -> None:
    verdict = decide(Gate(name="g", **gate), evaluation(corpus, choices, skill=0.0, rate=9.0))
    assert not verdict.passed
    assert reason in verdict.reason


def test_a_single_group_cannot_be_told_apart_from_chance(choices: Source) -> None:
    one = Assignment(MultipleChoiceSuite(name="choices", data="choices"), choices)
    found = evaluate(subject("r/tutor@1", FakeReader(skill=9.0)), [one], limit=1)
    verdict = decide(Gate(name="g", metric="choices/acc", above="chance"), found)
    assert not verdict.passed
    assert "a single group of items cannot tell it apart from chance" in verdict.reason
