"""An evaluation survives its way to disk and back."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from ontogeny.evaluate.provenance import made_here
from ontogeny.evaluate.record import items_schema, read_record, record_of, rows_of, write_record
from ontogeny.evaluate.runner import Assignment, Source, evaluate
from ontogeny.evaluate.scores import ItemRow
from ontogeny.evaluate.suites import BitsPerByteSuite, MultipleChoiceSuite, SamplesSuite
from tests.evaluate.conftest import subject
from tests.evaluate.records import comparison, result, suite
from tests.evaluate.records import record as sample


def test_what_is_written_is_read(corpus: Source, choices: Source, tmp_path: Path) -> None:
    evaluation = evaluate(
        subject("r/tutor@1"),
        [
            Assignment(BitsPerByteSuite(data="corpus"), corpus),
            Assignment(MultipleChoiceSuite(name="choices", data="choices"), choices),
            Assignment(SamplesSuite(prompts=("def ",)), None),
        ],
        baseline=subject("r/base@1", conversational=False),
        limit=8,
    )
    record, rows = record_of(evaluation, ()), rows_of(evaluation)
    write_record(tmp_path, record, rows)
    assert read_record(tmp_path) == (record, rows)
    assert len(rows) == 2 * 8 + 3 * 8 + 2 * 1
    assert pq.read_schema(tmp_path / "items.parquet").names == list(ItemRow.model_fields)
    lines = (tmp_path / "results.jsonl").read_text("utf-8").splitlines()
    assert [ItemRow.model_validate({"form": None} | json.loads(line)) for line in lines] == rows
    assert not any(": null" in line or ":null" in line for line in lines), "what is not known is left out"


def test_what_was_asked_and_how_long_it_took_is_on_record(corpus: Source, tmp_path: Path) -> None:
    suites = [Assignment(BitsPerByteSuite(data="corpus", max_bytes=500), corpus)]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    record = record_of(evaluate(subject("a@1"), suites, scratch=scratch), (), made_here(device="cpu", seed=3))
    (suite,), (speed,) = record.suites, record.speed
    assert suite.data_digest == corpus.digest and suite.task_digest is not None
    assert suite.settings["max_bytes"] == 500
    assert record.digests == {"a@1": "blake3:a@1"}
    assert record.made is not None and record.made.seed == 3
    assert (speed.suite, speed.model) == ("bits-per-byte", "a@1")
    assert speed.items == record.results[0].n and speed.seconds >= 0 < speed.items_per_second
    again = record_of(evaluate(subject("a@1"), suites, scratch=scratch), ())
    assert again.speed == (), "what was known from before took no time that says anything"


def test_the_schema_has_a_column_for_each_field() -> None:
    assert items_schema().names == list(ItemRow.model_fields)


def test_the_primary_result_of_each_suite(corpus: Source, choices: Source) -> None:
    suites = [
        Assignment(BitsPerByteSuite(data="corpus"), corpus),
        Assignment(MultipleChoiceSuite(name="c", data="choices", primary="acc_bytes"), choices),
        Assignment(SamplesSuite(prompts=("def ",)), None),
    ]
    record = record_of(evaluate(subject("a@1"), suites, baseline=subject("b@1")), ())
    found = [record.primary_result(suite, "a@1") for suite in record.suites]
    assert [row.metric if row else None for row in found] == ["bits_per_byte", "acc_bytes", None]
    compared = [record.primary_comparison(suite) for suite in record.suites]
    assert [row.metric if row else None for row in compared] == ["bits_per_byte", "acc_bytes", None]


def test_guessing_has_a_figure_where_one_choice_is_taken() -> None:
    asked = suite("quiz", figures={"chance": 0.25, "chance/hard": 0.2})
    assert [asked.chance_of(metric) for metric in ("acc", "acc_norm[plain]", "acc_all_rotations", "f1")] == [
        0.25, 0.25, None, None,
    ]  # fmt: skip
    flawed = comparison("quiz/typos")
    made = sample(suites=(asked,), robustness=(flawed,))
    told = {
        task: made.to_beat(result(task)) for task in ("quiz", "quiz/hard", "quiz/typos", "quiz/other", "else")
    }
    assert told == {
        "quiz": "25.0%",
        "quiz/hard": "20.0%",
        "quiz/typos": "25.0%",
        "quiz/other": None,
        "else": None,
    }
