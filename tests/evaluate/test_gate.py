"""Gates decide, and say why in one sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ontogeny.evaluate.config_gates import Gate
from ontogeny.evaluate.gate import decide, decide_all
from ontogeny.evaluate.runner import Assignment, Evaluation, Rival, Source, evaluate
from ontogeny.evaluate.scores import Metric, Scores
from ontogeny.evaluate.suites import BitsPerByteSuite, MultipleChoiceSuite
from tests.evaluate.conftest import FakeReader, FakeSubject, subject


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
        ({"metric": "bits/bits_per_byte", "better_than": "baseline"}, ", significantly worse than the "),
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


def answered(right: Sequence[float], *, name: str = "acc") -> Scores:
    """Scores on `choices` where items i0, i1, ... are right or wrong as said."""
    items = tuple(f"i{place}" for place in range(len(right)))
    metric = Metric(
        name=name, form="chat", items=items, groups=items, tops=tuple(map(float, right)),
        bottoms=(1.0,) * len(right),
    )  # fmt: skip
    return Scores(suite="choices", metrics=(metric,), slices={"long": items[: len(items) // 2]})


def given(choices: Source, **scores: Scores) -> Evaluation:
    """An evaluation with these scores by model; the first is the model."""
    subjects = {name: subject(f"r/{name}@1") for name in scores}
    model, *others = subjects.values()
    assignment = Assignment(MultipleChoiceSuite(name="choices", data="choices"), choices)
    found = evaluate(model, [assignment], rivals=[Rival(one, frozenset({"choices"})) for one in others])
    return dataclasses.replace(
        found,
        scores={"choices": {subjects[name].name: one for name, one in scores.items()}},
        forms={"choices": {one.name: "chat" for one in subjects.values()}},
    )


OLD = [1.0] * 60 + [0.0] * 60
NAMED = {"metric": "choices/acc", "not_worse_than": {"model": "old", "margin": 0.05}}
OPPONENT = subject("r/old@1")


def against_old(choices: Source, right: Sequence[float], **gate: Any) -> Any:
    found = given(choices, new=answered(right), old=answered(OLD[: len(right)]))
    return decide(Gate.model_validate({"name": "g"} | NAMED | gate), found, OPPONENT)


def test_as_good_as_a_named_model(choices: Source) -> None:
    verdict = against_old(choices, OLD)
    assert verdict.passed and verdict.items == ()
    assert verdict.reason.startswith(
        "choices/acc is 0.5000, surely within 0.05 of the 0.5000 of r/old@1: difference +0.0000, 95% interval ["
    )
    assert verdict.reason.endswith("; worse on 0 of 120 items, better on 0")


def test_a_worse_model_is_refused_with_the_items_that_were_lost(choices: Source) -> None:
    verdict = against_old(choices, [0.0] * 25 + OLD[25:])
    assert not verdict.passed
    assert (
        ", not surely within 0.05 of the 0.5000 of r/old@1: difference \N{MINUS SIGN}0.2083" in verdict.reason
    )
    assert verdict.reason.endswith("; worse on 25 of 120 items, better on 0")
    assert verdict.items == tuple(f"i{place}" for place in range(20)), "twenty at most"


def test_what_few_items_cannot_tell_is_refused(choices: Source) -> None:
    """Five items without a difference do not show that there is none."""
    assert not against_old(choices, OLD[:5]).passed
    assert against_old(choices, OLD[:5], not_worse_than={"model": "old", "margin": 0.6}).passed
    narrow = {"not_worse_than": {"model": "old", "margin": 0.03}}
    assert against_old(choices, OLD, **narrow).passed
    surer = against_old(choices, OLD, **narrow, confidence=0.999)
    assert not surer.passed and "99.9% interval" in surer.reason


def test_no_worse_in_bits_per_byte_means_no_more_of_them(corpus: Source) -> None:
    suite = Assignment(BitsPerByteSuite(name="bits", data="corpus"), corpus)
    gate = Gate.model_validate(
        {"name": "g", "metric": "bits/bits_per_byte", "not_worse_than": {"model": "old", "margin": 0.05}}
    )
    old = subject("r/old@1", FakeReader(rate=2.0))
    for rate, passes in ((2.04, True), (2.06, False), (1.5, True)):
        found = evaluate(
            subject("r/new@1", FakeReader(rate=rate)), [suite], rivals=[Rival(old, frozenset({"bits"}))]
        )
        verdict = decide(gate, found, old)
        assert verdict.passed is passes, verdict.reason
    assert len(decide(gate, evaluate_worse(suite, old), old).items) == 20


def evaluate_worse(suite: Assignment, old: FakeSubject) -> Evaluation:
    worse = subject("r/new@1", FakeReader(rate=2.5))
    return evaluate(worse, [suite], rivals=[Rival(old, frozenset({"bits"}))])


def test_better_than_a_named_model(choices: Source) -> None:
    superior = {"not_worse_than": None, "better_than": "old"}
    assert against_old(choices, [1.0] * 90 + [0.0] * 30, **superior).passed
    verdict = against_old(choices, [1.0] * 61 + [0.0] * 59, **superior)
    assert not verdict.passed
    assert "not significantly better than the 0.5000 of r/old@1: paired p = " in verdict.reason


@pytest.mark.parametrize(("condition", "passes"), [("not_worse_than", True), ("better_than", False)])
def test_a_model_against_itself(choices: Source, condition: str, passes: bool) -> None:
    found = given(choices, old=answered(OLD))
    gate = {"name": "g", "metric": "choices/acc", "better_than": "old"}
    if condition == "not_worse_than":
        gate = {"name": "g"} | NAMED
    verdict = decide(Gate.model_validate(gate), found, OPPONENT)
    assert verdict.passed is passes
    assert verdict.reason == "r/old@1 is the very model that it is compared with"


@pytest.mark.parametrize(
    ("gate", "passes"),
    [
        ({"at_least": 0.45}, True),
        ({"at_least": 0.45, "confidence": 0.95}, False),
        ({"at_least": 0.40, "confidence": 0.95}, True),
        ({"at_least": 0.40, "confidence": 0.999}, False),
        ({"at_most": 0.55}, True),
        ({"at_most": 0.55, "confidence": 0.95}, False),
        ({"at_most": 0.60, "confidence": 0.95}, True),
    ],
)
def test_a_floor_may_have_to_be_sure(choices: Source, gate: dict[str, Any], passes: bool) -> None:
    verdict = decide(Gate(name="g", metric="choices/acc", **gate), given(choices, new=answered(OLD)))
    assert verdict.passed is passes, verdict.reason
    assert ("interval" in verdict.reason) == ("confidence" in gate)
    wrong = tuple(f"i{place}" for place in range(60, 80))
    right = tuple(f"i{place}" for place in range(20))
    assert verdict.items == (() if passes else wrong if "at_least" in gate else right)


def test_a_single_group_gives_no_interval(choices: Source) -> None:
    found = given(choices, new=answered([1.0]))
    verdict = decide(Gate(name="g", metric="choices/acc", at_least=0.1, confidence=0.9), found)
    assert not verdict.passed and verdict.reason.endswith("a single group of items gives no interval")


def test_a_part_of_the_items(choices: Source) -> None:
    found = given(choices, new=answered(OLD))
    assert decide(Gate(name="g", metric="choices/long/acc", at_least=1.0), found).passed
    verdict = decide(Gate(name="g", metric="choices/short/acc", at_least=0.1), found)
    assert not verdict.passed
    assert verdict.reason == "no item of choices belongs to a part 'short'; parts: long"


def test_a_part_against_a_named_model(choices: Source) -> None:
    found = given(choices, new=answered([1.0] * 60 + [1.0] * 60), old=answered(OLD))
    part = {"name": "g", "metric": "choices/long/acc", "better_than": "old"}
    verdict = decide(Gate.model_validate(part), found, OPPONENT)
    assert not verdict.passed and "worse on 0 of 60 items" in verdict.reason


def test_contaminated_items(choices: Source) -> None:
    clean = answered(OLD).model_copy(update={"figures": {"contaminated": 0.02}})
    gate = Gate(name="g", metric="choices/contaminated", at_most=0.01)
    verdict = decide(gate, given(choices, new=clean))
    assert not verdict.passed
    assert verdict.reason == "choices/contaminated is 0.0200, not at most 0.01"
    unmeasured = decide(gate, given(choices, new=answered(OLD)))
    assert not unmeasured.passed and unmeasured.reason == "choices/contaminated was not measured"


def test_the_size_of_the_models_files(choices: Source, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x" * 900)
    (tmp_path / "config.json").write_bytes(b"x" * 100)
    (tmp_path / "report.html").write_bytes(b"x" * 5_000)
    found = given(choices, new=answered(OLD))
    (member,) = found.model.members
    model = dataclasses.replace(found.model, members=(dataclasses.replace(member, folder=tmp_path),))
    found = dataclasses.replace(found, model=model)
    assert decide(Gate(name="g", metric="size", at_most=1_000), found).reason == "size is 1,000, at most 1000"
    assert not decide(Gate(name="g", metric="size", at_most=999), found).passed


@pytest.mark.parametrize(
    ("right", "passes"), [([1.0] * 2, False), ([1.0] * 5 + [0.0], False), ([1.0] * 12, True)]
)
def test_few_right_answers_may_be_guessed(choices: Source, right: list[float], passes: bool) -> None:
    scores = answered(right).model_copy(update={"figures": {"chance": 0.5}})
    verdict = decide(Gate(name="g", metric="choices/acc", above="chance"), given(choices, new=scores))
    assert verdict.passed is passes, verdict.reason


def test_a_model_that_is_surely_worse_is_told_so(choices: Source) -> None:
    superior = {"not_worse_than": None, "better_than": "old"}
    verdict = against_old(choices, [0.0] * 120, **superior)
    assert not verdict.passed
    assert ", significantly worse than the 0.5000 of r/old@1: paired p < 0.0001" in verdict.reason


def test_several_trainings_are_judged_together_and_each_is_held_back(choices: Source) -> None:
    scores = {"a": answered(OLD), "b": answered([0.0] * 120)}
    found = given(choices, **scores)
    model = dataclasses.replace(found.model, members=(subject("r/a@1"), subject("r/b@1")))
    found = dataclasses.replace(found, model=model)
    verdicts = decide_all([Gate(name="g", metric="choices/acc", at_least=0.4)], found, {})
    assert [verdict.model_digest for verdict in verdicts] == ["blake3:r/a@1", "blake3:r/b@1"]
    assert {verdict.reason for verdict in verdicts} == {"choices/acc is 0.2500, not at least 0.4"}
