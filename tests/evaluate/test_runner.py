"""The whole evaluation with models that are written out: forms, pairing, resume."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.evaluate.outcome import XZ_NAME
from ontogeny.evaluate.runner import Assignment, Evaluation, Rival, Source, evaluate
from ontogeny.evaluate.scores import Result
from ontogeny.evaluate.suites import BitsPerByteSuite, MultipleChoiceSuite, SamplesSuite
from tests.evaluate.conftest import FakeReader, subject


@pytest.fixture
def assignments(corpus: Source, choices: Source, questions: Source) -> list[Assignment]:
    return [
        Assignment(BitsPerByteSuite(data="corpus"), corpus),
        Assignment(MultipleChoiceSuite(name="choices", data="choices"), choices),
        Assignment(SamplesSuite(prompts=("def ",), data="questions", n=3), questions),
    ]


def run(
    assignments: list[Assignment],
    scratch: Path | None = None,
    readers: list[FakeReader] | None = None,
    cache: Path | None = None,
) -> Evaluation:
    tuned, base = readers or [FakeReader(rate=1.9, skill=2.0), FakeReader(rate=2.1, skill=1.0)]
    return evaluate(
        subject("r/tutor@1", tuned),
        assignments,
        baseline=subject("r/base@1", base, conversational=False),
        seed=5,
        scratch=scratch,
        cache=cache,
    )


def find(evaluation: Evaluation, task: str, metric: str, model: str) -> Result:
    (row,) = [row for row in evaluation.results if (row.task, row.metric, row.model) == (task, metric, model)]
    return row


def test_both_models_are_measured_on_every_suite(assignments: list[Assignment]) -> None:
    evaluation = run(assignments)
    assert find(evaluation, "bits-per-byte", "bits_per_byte", "r/tutor@1").value == pytest.approx(
        1.9, abs=0.1
    )
    assert find(evaluation, "bits-per-byte", "bits_per_byte", "r/base@1").value == pytest.approx(2.1, abs=0.1)
    assert find(evaluation, "bits-per-byte", "xz_bits_per_byte", XZ_NAME).n == 20
    for rule in ("acc", "acc_bytes", "acc_mutual_info"):
        assert find(evaluation, "choices", rule, "r/tutor@1").n == 24
    assert {row.model for row in evaluation.scores["samples"]["r/base@1"].rows} == {"r/base@1"}


def test_the_better_form_stands_for_the_baseline(assignments: list[Assignment]) -> None:
    evaluation = run(assignments)
    base = find(evaluation, "choices", "acc", "r/base@1")
    other = find(evaluation, "choices", "acc[plain]", "r/base@1")
    assert base.form == "chat" and base.value > other.value
    assert evaluation.forms["choices"] == {"r/tutor@1": "chat", "r/base@1": "chat"}


def test_a_pretrained_model_by_itself_stands_in_the_plain_form(assignments: list[Assignment]) -> None:
    evaluation = evaluate(subject("r/base@1", conversational=False), assignments)
    assert find(evaluation, "choices", "acc", "r/base@1").form == "plain"
    assert find(evaluation, "choices", "acc[chat]", "r/base@1").form == "chat"
    assert evaluation.comparisons == ()


def test_models_are_compared_on_the_same_items(assignments: list[Assignment]) -> None:
    rows = {(row.task, row.metric): row for row in run(assignments).comparisons}
    assert set(rows) == {
        ("bits-per-byte", "bits_per_byte"),
        *(("choices", rule) for rule in ("acc", "acc_bytes", "acc_mutual_info")),
    }
    bits = rows["bits-per-byte", "bits_per_byte"]
    assert (bits.model_a, bits.model_b, bits.n) == ("r/tutor@1", "r/base@1", 20)
    assert bits.difference == pytest.approx(-0.2)
    assert bits.p_value < 0.01


def test_a_killed_run_goes_on_where_it_was_with_the_same_result(
    assignments: list[Assignment], tmp_path: Path
) -> None:
    class Killed(FakeReader):
        def write(self, *arguments: object, **options: object) -> None:  # type: ignore[override]
            raise KeyboardInterrupt

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    tuned = FakeReader(rate=1.9, skill=2.0)
    with pytest.raises(KeyboardInterrupt):
        run(assignments, scratch, [tuned, Killed(rate=2.1, skill=1.0)])
    again = [FakeReader(rate=1.9, skill=2.0), FakeReader(rate=2.1, skill=1.0)]
    resumed = run(assignments, scratch, again)
    assert again[0].calls == [], "the tuned model was done"
    assert again[1].calls == ["load", *["write"] * 4]
    uninterrupted = run(assignments)
    assert (resumed.results, resumed.comparisons) == (uninterrupted.results, uninterrupted.comparisons)
    assert resumed.scores == uninterrupted.scores


def test_an_evaluation_made_again_asks_nothing_and_is_the_same(
    assignments: list[Assignment], tmp_path: Path
) -> None:
    first = run(assignments, cache=tmp_path)
    readers = [FakeReader(rate=1.9, skill=2.0), FakeReader(rate=2.1, skill=1.0)]
    again = run(assignments, readers=readers, cache=tmp_path)
    assert (again.results, again.comparisons) == (first.results, first.comparisons)
    assert again.scores == first.scores
    assert not {"bits", "logprobs", "write"} & {call for reader in readers for call in reader.calls}
    assert first.seconds and not again.seconds, "what took no time tells no speed"


def test_what_was_asked_has_a_digest_of_its_content(assignments: list[Assignment]) -> None:
    one = assignments[0]
    assert one.source is not None
    renamed = Assignment(one.suite, Source(one.source.folder, "other@7", one.source.digest))
    changed = Assignment(one.suite, Source(one.source.folder, one.source.name, "blake3:other"))
    assert one.digest(None) == renamed.digest(None)
    assert len({one.digest(None), one.digest(10), changed.digest(None), assignments[1].digest(None)}) == 4


def test_a_model_is_not_its_own_baseline(assignments: list[Assignment]) -> None:
    with pytest.raises(UsageError, match="the model and the baseline are the same artifact"):
        evaluate(subject("r/base@1"), assignments, baseline=subject("r/base@1"))


def test_snapshots_give_the_curve_of_each_suite(assignments: list[Assignment], tmp_path: Path) -> None:
    readers = [
        FakeReader(rate=2.5, skill=0.2),
        FakeReader(rate=2.2, skill=1.0),
        FakeReader(rate=1.9, skill=2.0),
    ]
    early, late, model = (
        subject(name, reader)
        for name, reader in zip(["r/tutor@1:100", "r/tutor@1:200", "r/tutor@1"], readers, strict=True)
    )
    snapshots = {100: early, 200: late, 300: model}
    evaluation = evaluate(model, assignments, snapshots=snapshots, seed=5, scratch=tmp_path)
    plain = evaluate(model, assignments, seed=5)
    assert evaluation.results == plain.results
    curve = [(point.step, point.model) for point in evaluation.curves if point.task == "bits-per-byte"]
    assert curve == [(100, "r/tutor@1:100"), (200, "r/tutor@1:200"), (300, "r/tutor@1")]
    for point in evaluation.curves:
        alone = evaluate(snapshots[point.step], assignments, seed=5)
        same = next(row for row in alone.results if (row.task, row.metric) == (point.task, point.metric))
        assert (point.value, point.stderr, point.n, point.form) == (
            same.value,
            same.stderr,
            same.n,
            same.form,
        )
    assert {point.task for point in evaluation.curves} == {"bits-per-byte", "choices"}
    loads = [
        reader.calls.count("load") for reader in readers
    ]  # what was scored is kept, and not scored again
    again = evaluate(model, assignments, snapshots=snapshots, seed=5, scratch=tmp_path)
    assert again.curves == evaluation.curves
    assert [reader.calls.count("load") for reader in readers] == loads


def test_every_comparison_has_a_verdict(assignments: list[Assignment]) -> None:
    rows = {(row.task, row.metric): row for row in run(assignments).comparisons}
    bits = rows["bits-per-byte", "bits_per_byte"]
    assert bits.verdict == "better" and bits.p_adjusted is not None and bits.p_adjusted >= bits.p_value
    assert all(row.verdict in ("better", "worse", "undecided") for row in rows.values())
    primary = rows["choices", "acc"]
    assert primary.p_adjusted == pytest.approx(
        max(primary.p_value, 2 * min(primary.p_value, bits.p_value)), rel=1e-6
    ), "only what was chosen beforehand counts as asked"


def test_a_rival_is_asked_only_what_its_gate_is_about(assignments: list[Assignment]) -> None:
    old = subject("r/old@1", FakeReader(rate=2.0))
    found = evaluate(
        subject("r/tutor@1", FakeReader(rate=1.9)), assignments, rivals=[Rival(old, frozenset({"choices"}))]
    )
    assert set(found.scores["choices"]) == {"r/tutor@1", "r/old@1"}
    assert set(found.scores["bits-per-byte"]) == {"r/tutor@1"}
    assert {(row.task, row.model_b) for row in found.comparisons} == {("choices", "r/old@1")}
    assert "bits" not in old.reader.calls
    assert [one.name for one in found.subjects] == ["r/tutor@1", "r/old@1"]


def test_a_rival_that_is_the_baseline_is_asked_once(assignments: list[Assignment]) -> None:
    base = subject("r/base@1", FakeReader(rate=2.1, skill=1.0))
    found = evaluate(
        subject("r/tutor@1"), assignments, baseline=base, rivals=[Rival(base, frozenset({"choices"}))]
    )
    assert base.reader.calls.count("load") == 1
    assert len(found.comparisons) == 4


def test_several_trainings_count_together(assignments: list[Assignment]) -> None:
    tutors = [
        subject(f"r/tutor@{number}", FakeReader(rate=rate))
        for number, rate in enumerate([1.8, 1.9, 2.0], start=1)
    ]
    base = subject("r/base@1", FakeReader(rate=2.4))
    found = evaluate(tutors, assignments[:2], baseline=base)
    together = find(found, "bits-per-byte", "bits_per_byte", "r/tutor@1,2,3")
    each = [find(found, "bits-per-byte", "bits_per_byte", tutor.name).value for tutor in tutors]
    assert together.value == pytest.approx(sum(each) / 3)
    assert (together.seeds, together.between) == (3, pytest.approx(0.1))
    (bits,) = [row for row in found.comparisons if row.metric == "bits_per_byte"]
    assert (bits.model_a, bits.model_b, bits.test) == ("r/tutor@1,2,3", "r/base@1", "seeds-t")
    assert bits.verdict == "better"


def test_a_training_is_not_compared_with_itself(assignments: list[Assignment]) -> None:
    tutors = [subject("r/tutor@1"), subject("r/tutor@2")]
    with pytest.raises(UsageError, match="the model and the baseline are the same artifact"):
        evaluate(tutors, assignments, baseline=[subject("r/old@1"), tutors[1]])
