"""What a user may write about an evaluation, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ontogeny.evaluate.config import EvaluateConfig
from ontogeny.evaluate.suites import MultipleChoiceSuite
from ontogeny.lineage.fingerprint import material
from ontogeny.lineage.step import Reference, references

BITS = {"type": "bits-per-byte", "data": "corpus"}
CHOICES = {"type": "multiple-choice", "name": "questions", "data": "choices"}
SAMPLES = {"type": "samples", "prompts": ["def "]}
NO_WORSE = {
    "name": "n",
    "metric": "questions/acc",
    "not_worse_than": {"model": "old", "margin": 0.02},
}
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
        (
            {"gates": [NO_WORSE | {"not_worse_than": {"model": "baseline", "margin": 0.1}}]},
            "name one: baseline: STEP",
        ),
        ({"gates": [NO_WORSE | {"not_worse_than": {"model": "old"}}]}, "margin\n  Field required"),
        ({"gates": [NO_WORSE | {"not_worse_than": {"model": "old", "margin": 0}}]}, "greater than 0"),
        ({"gates": [NO_WORSE | {"significance": 0.01}]}, "significance has no effect on not_worse_than"),
        (
            {"gates": [{"name": "g", "metric": "questions/acc", "above": "chance", "confidence": 0.9}]},
            "confidence has no effect on above",
        ),
        ({"gates": [GATE | {"metric": "questions/de/accc"}]}, "no metric 'questions/de/accc'"),
        (
            {"gates": [GATE | {"metric": "questions/cleen/acc"}]},
            "questions has no part 'cleen'; parts: clean, contaminated. Did you mean 'clean'",
        ),
        (
            {"gates": [GATE | {"at_least": 20}]},
            "questions/acc is a share, from 0 to 1, and at_least is 20; for 20% write 0.2",
        ),
        ({"gates": [GATE | {"at_least": -1}]}, r"at_least is -1 \["),
        (
            {"gates": [{"name": "g", "metric": "questions/contaminated", "at_most": 1.5}]},
            "at_most is 1.5; for 1.5% write 0.015",
        ),
        (
            {"gates": [NO_WORSE | {"not_worse_than": {"model": "old", "margin": 2}}]},
            "not_worse_than.margin is 2; for 2% write 0.02",
        ),
        ({"gates": [GATE | {"metric": "sise"}]}, "no metric 'sise'"),
        ({"gates": [NO_WORSE | {"metric": "size"}]}, "size is counted, not estimated"),
        ({"gates": [GATE | {"metric": "size", "confidence": 0.9}]}, "size is counted, not estimated"),
        ({"model": ["tutor"]}, "model lists trainings that differ: two names at least"),
        ({"model": ["a", "a"]}, "model lists trainings that differ"),
        ({"baseline": ["a", "b", "a"]}, "baseline lists trainings that differ"),
        ({"model": ["a", "b"], "checkpoints": True}, "the curve is of one training"),
        ({"gates": [{"name": "g", "metric": "questions/acc", "below": "xz"}]}, "only a bits-per-byte suite"),
        (
            {"gates": [{"name": "g", "metric": "bits-per-byte/bits_per_byte", "above": "chance"}]},
            "only the accuracy of all choices",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**changes)


MEMBER = (
    "dataset_path: ./r.jsonl\ntest_split: t\noutput_type: loglikelihood\ndoc_to_text: q\ndoc_to_target: a\n"
)


@pytest.fixture
def group(tmp_path: Path) -> dict[str, Any]:
    """A suite of two tasks with slices."""
    (tmp_path / "r.jsonl").write_text('{"q": "x", "a": "y", "topic": "air"}\n')
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"task: {name}\n{MEMBER}")
    (tmp_path / "both.yaml").write_text("group: both\ntask: [one, two]\n")
    return {"type": "task", "task": str(tmp_path / "both.yaml"), "slices": ["length", "field:topic"]}


@pytest.mark.parametrize(
    "gate",
    [
        {"metric": "both/two/acc", "at_least": 0.2},
        {"metric": "both/length=short/acc", "at_most": 1},
        {"metric": "both/topic=air/acc", "at_least": 0},
        {"metric": "both/contaminated/acc", "at_least": 0.2},
        {"metric": "both/perplexity", "at_most": 20},
        {"metric": "both/perplexity", "not_worse_than": {"model": "old", "margin": 3}},
    ],
)
def test_a_gate_is_about_parts_and_values_that_can_be(group: dict[str, Any], gate: dict[str, Any]) -> None:
    assert config(suites=[group], gates=[{"name": "g", **gate}]).gates[0].suite == "both"


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (
            {"metric": "both/tow/acc", "at_least": 0.2},
            "both has no part 'tow'; parts: one, two, length=short, length=middling, length=long, topic=VALUE, clean",
        ),
        ({"metric": "both/length=tiny/acc", "at_least": 0.2}, "no part 'length=tiny'"),
        ({"metric": "both/acc", "at_least": 20}, "both/acc is a share"),
        ({"metric": "both/two/acc", "at_least": 20}, "both/two/acc is a share"),
    ],
)
def test_a_gate_about_what_cannot_be(group: dict[str, Any], gate: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(suites=[group], gates=[{"name": "g", **gate}])


def test_a_suite_without_a_task_has_one_mistake() -> None:
    with pytest.raises(ValidationError, match=r"suites\.0\.task\.task\n  Field required") as caught:
        config(suites=[{"type": "task", "n": 3}])
    assert "missing" in {one["type"] for one in caught.value.errors()} <= {"missing", "too_short"}


def test_a_tested_gate_takes_a_significance() -> None:
    gate = {"name": "g", "metric": "questions/acc", "above": "chance", "significance": 0.01}
    assert config(gates=[gate]).gates[0].significance == 0.01


def test_a_gate_names_models_which_are_inputs() -> None:
    gates = [
        NO_WORSE,
        {"name": "b", "metric": "questions/acc", "better_than": "best"},
        {"name": "c", "metric": "questions/acc", "better_than": "baseline"},
        {"name": "s", "metric": "size", "at_most": 1e6},
        {"name": "d", "metric": "questions/contaminated", "at_most": 0},
        {"name": "e", "metric": "questions/clean/acc", "at_least": 0.2, "confidence": 0.9},
    ]
    found = config(baseline=["x", "y"], gates=gates)
    roles = {one.role: one.name for one in references(found)}
    assert roles == {
        "model": "tutor", "baseline.0": "x", "baseline.1": "y", "suites.0.data": "corpus",
        "suites.1.data": "choices", "gates.0.not_worse_than.model": "old", "gates.1.better_than": "best",
    }  # fmt: skip
    assert [f"gates.{at}.{gate.opponent_role}" in roles for at, gate in enumerate(found.gates[:3])] == [
        True,
        True,
        False,
    ]
    last = found.gates[-1]
    assert (last.suite, last.part, last.measure) == ("questions", "clean", "acc")


def test_what_a_gate_is_compared_with_counts_in_the_fingerprint() -> None:
    """The baseline by its word, a named model by the content of the input that it is."""
    kept = [
        material(config(baseline="x", gates=[{"name": "g", "metric": "questions/acc", "better_than": who}]))
        for who in ("baseline", "best")
    ]
    assert kept[0]["gates"][0]["better_than"] == "baseline"
    assert "better_than" not in kept[1]["gates"][0]
