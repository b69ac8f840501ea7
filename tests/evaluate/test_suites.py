"""What a user may write about an evaluation, and what is refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ontogeny.evaluate.suites import EvaluateConfig, MultipleChoiceSuite
from ontogeny.lineage.step import Reference, references

BITS = {"type": "bits-per-byte", "data": "corpus"}
CHOICES = {"type": "multiple-choice", "name": "questions", "data": "choices"}
SAMPLES = {"type": "samples", "prompts": ["def "]}
GATE = {"name": "g", "metric": "questions/acc", "at_least": 0.3}


def config(**changes: Any) -> EvaluateConfig:
    return EvaluateConfig.model_validate({"model": "tutor", "suites": [BITS, CHOICES, SAMPLES]} | changes)


def test_defaults() -> None:
    suites = config().suites
    assert [suite.name for suite in suites] == ["bits-per-byte", "questions", "samples"]
    assert isinstance(suites[1], MultipleChoiceSuite) and suites[1].primary == "acc"


def test_the_data_of_suites_are_references() -> None:
    found = list(references(config(baseline="base", suites=[BITS, SAMPLES | {"data": "pairs"}])))
    assert found == [
        Reference("model", "tutor", ("model", "adapter", "export")),
        Reference("baseline", "base", ("model", "adapter", "export")),
        Reference("suites.0.data", "corpus", ("corpus",)),
        Reference("suites.1.data", "pairs", ("examples",)),
    ]
    assert [one.role for one in references(config())] == ["model", "suites.0.data", "suites.1.data"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"suites": []}, "at least 1 item"),
        ({"suites": [{"type": "samples"}]}, "samples need prompts: "),
        ({"suites": [{"type": "poetry"}]}, "'bits-per-byte', 'multiple-choice', 'samples'"),
        ({"suites": [BITS | {"name": "a/b"}]}, "String should match pattern"),
        ({"suites": [BITS, BITS]}, "two suites are called 'bits-per-byte'"),
        ({"gates": [GATE, GATE]}, "two gates are called 'g'"),
        (
            {"gates": [{"name": "g", "metric": "questions/acc"}]},
            "exactly one of at_least, at_most, .*; it has 0",
        ),
        ({"gates": [GATE | {"at_most": 1}]}, "exactly one of at_least, at_most, .*; it has 2"),
        ({"gates": [GATE | {"significance": 0.01}]}, "significance has no effect on at_least"),
        (
            {"gates": [GATE | {"metric": "question/acc"}]},
            "no metric 'question/acc'; .* Did you mean 'questions/acc'",
        ),
        (
            {"gates": [{"name": "g", "metric": "questions/acc", "better_than": "baseline"}]},
            "name one: baseline: STEP",
        ),
        ({"gates": [{"name": "g", "metric": "questions/acc", "below": "xz"}]}, "only a bits-per-byte suite"),
        (
            {"gates": [{"name": "g", "metric": "bits-per-byte/bits_per_byte", "above": "chance"}]},
            "only a multiple-choice suite",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**changes)


def test_a_tested_gate_takes_a_significance() -> None:
    gate = {"name": "g", "metric": "questions/acc", "above": "chance", "significance": 0.01}
    assert config(gates=[gate]).gates[0].significance == 0.01
