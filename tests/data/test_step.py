"""The two steps as the runner sees them."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.data import intake
from ontogeny.data.document import dropped_schema_of, schema_of
from ontogeny.data.sources import SOURCES, files
from ontogeny.data.step import CURATE, EXAMPLES
from tests.data.conftest import run_step
from tests.notes import Notes

if TYPE_CHECKING:
    from tests.data.conftest import Made


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_the_payload_has_the_layout_of_a_corpus(corpus: Made) -> None:
    assert sorted(path.name for path in corpus.payload.iterdir()) == [
        "croissant.json",
        "dropped.parquet",
        "figures.json",
        "part-00000.parquet",
        "report.html",
    ]
    sized = [*schema_of("text").names, "chars", "bytes"]
    assert pq.read_schema(corpus.payload / "part-00000.parquet").names == sized
    assert pq.read_schema(corpus.payload / "dropped.parquet").names == [
        *sized,
        *(name for name in dropped_schema_of("text").names if name not in sized),
    ]
    figures = json.loads((corpus.payload / "figures.json").read_text())
    assert figures["documents_kept"] == corpus.outputs.metrics["documents_kept"]
    assert figures["sources"]["python-docs"]["detected"]
    assert sum(figures["length_classes"].values()) == figures["documents_kept"]
    page = (corpus.payload / "report.html").read_text()
    assert "no_documentation" in page
    assert "PSF-2.0" in page


def test_two_runs_make_the_same_bytes(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "a.jsonl", [{"text": f"text {n % 40}", "date": "2020-01-02"} for n in range(50)]
    )
    settings: dict[str, object] = {"sources": [{"type": "jsonl", "path": path}]}
    first, second = (run_step(CURATE, settings, tmp_path / name) for name in ("first", "second"))
    assert first.outputs == second.outputs
    assert first.outputs.metrics["dropped"] == {"exact_duplicate": 10}
    assert first.outputs.knowledge_cutoff == "2020-01-02"
    for file in first.payload.iterdir():
        assert file.read_bytes() == (second.payload / file.name).read_bytes()


def test_splitting_a_file_does_not_change_the_corpus(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": f"text {n}"} for n in range(40)]
    whole = write_jsonl(tmp_path / "whole.jsonl", rows)
    write_jsonl(tmp_path / "half-b.jsonl", rows[:20])
    write_jsonl(tmp_path / "half-a.jsonl", rows[20:])
    paths = (whole, f"{tmp_path}/half-*.jsonl")
    made = [
        run_step(
            CURATE, {"sources": [{"type": "jsonl", "path": path, "name": "x"}]}, tmp_path / f"run-{number}"
        ).rows()
        for number, path in enumerate(paths)
    ]
    without_locator = [[{**row, "locator": ""} for row in rows] for rows in made]
    assert without_locator[0] == without_locator[1]


def test_hopeless_sources_stop_early_unless_everything_is_allowed(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [*([{"body": "x"}] * 2_000), {"text": "x", "group": "json"}])
    sources = [{"type": "jsonl", "path": path}]
    with pytest.raises(
        RecipeError, match=r"none of the 1,000 rows read has .*: no column 'text'; there are: body"
    ):
        run_step(CURATE, {"sources": sources, "max_bad_fraction": 0.5}, tmp_path / "strict")
    made = run_step(CURATE, {"sources": sources, "max_bad_fraction": 1.0}, tmp_path / "lenient")
    assert made.outputs.metrics["dropped"] == {"missing_column": 2_000}


def test_workers_resume_and_kept_portions_change_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "UNIT_BYTES", 2_000)
    monkeypatch.setattr(intake, "BUNDLE_BYTES", 1)
    rows: list[dict[str, object]] = [{"text": f"text number {n % 190}"} for n in range(300)]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    settings: dict[str, object] = {"sources": [{"type": "jsonl", "path": path}]}
    whole = run_step(CURATE, settings, tmp_path / "one")
    many = run_step(CURATE, settings, tmp_path / "many", workers=2)
    assert len(list((tmp_path / "many/scratch/units").iterdir())) > 3
    rmtree(tmp_path / "many/payload")
    (tmp_path / "many/payload").mkdir()
    for number, unit in enumerate(sorted((tmp_path / "many/scratch/units").iterdir())):
        if number % 2:
            (unit / "unit.json").unlink()  # as if killed before it ended
    again = run_step(CURATE, settings, tmp_path / "many", exist_ok=True)
    assert whole.outputs == many.outputs == again.outputs
    for file in whole.payload.iterdir():
        assert file.read_bytes() == (again.payload / file.name).read_bytes()


def test_another_threshold_reads_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "x" * n} for n in range(1, 40)])
    settings = {"sources": [{"type": "jsonl", "path": path}], "rules": [{"type": "length", "min_chars": 5}]}
    run_step(CURATE, settings, tmp_path / "run")
    rmtree(tmp_path / "run/payload")
    (tmp_path / "run/payload").mkdir()
    monkeypatch.setattr(files, "read_rows", None)
    changed = {**settings, "rules": [{"type": "length", "min_chars": 8}]}
    made = run_step(CURATE, changed, tmp_path / "run", exist_ok=True)
    assert made.outputs.metrics["dropped"] == {"too_short": 7}


def test_adding_a_file_reads_it_alone_and_gives_the_corpus_of_a_run_from_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies of old documents in the new file go, and an old document goes for a better copy there."""
    monkeypatch.setattr(intake, "BUNDLE_BYTES", 1)
    generator = random.Random(3)
    prose = [
        " ".join(
            generator.choices(
                ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"], k=150
            )
        )
        for _ in range(40)
    ]
    write_jsonl(tmp_path / "a.jsonl", [{"text": text} for text in prose[:25]])
    settings: dict[str, object] = {
        "sources": [{"type": "jsonl", "path": str(tmp_path / "*.jsonl"), "name": "x"}],
        "dedup": "near",
    }
    run_step(CURATE, settings, tmp_path / "grown")
    later = [*prose[25:], prose[3], prose[4].upper(), f"{prose[5]} and one more"]
    write_jsonl(tmp_path / "b.jsonl", [{"text": text} for text in later])
    rmtree(tmp_path / "grown/payload")
    (tmp_path / "grown/payload").mkdir()
    opened: list[str] = []
    jsonl = SOURCES["jsonl"]

    def noted_rows(source: Any, unit: files.Unit, reading: files.Reading) -> Any:
        opened.append(unit.path.name)
        return jsonl.read(source, unit, reading)

    monkeypatch.setitem(SOURCES, "jsonl", replace(jsonl, read=noted_rows))
    grown = run_step(CURATE, settings, tmp_path / "grown", exist_ok=True)
    assert opened == ["b.jsonl"]
    scratch = run_step(CURATE, settings, tmp_path / "scratch")
    assert opened == ["b.jsonl", "a.jsonl", "b.jsonl"]
    assert grown.outputs == scratch.outputs
    assert grown.outputs.metrics["dropped"] == {"exact_duplicate": 1, "near_duplicate": 2}
    for file in scratch.payload.iterdir():
        assert file.read_bytes() == (grown.payload / file.name).read_bytes()


def test_bad_rows_are_noted_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_jsonl(path, [{"text": f"text {n}"} for n in range(9)])
    path.write_bytes(path.read_bytes() + b'{"text": "trunc')
    noted = Notes()
    settings: dict[str, object] = {"sources": [{"type": "jsonl", "path": str(path)}], "max_bad_fraction": 0.2}
    made = run_step(CURATE, settings, tmp_path / "run", noted=noted)
    assert made.outputs.metrics["dropped"] == {"not_json": 1}
    (row,) = pq.read_table(made.payload / "dropped.parquet").to_pylist()
    assert row["text"] == '{"text": "trunc'
    said = "a: 1 unreadable rows (not_json 1), kept in dropped.parquet; the first: "
    assert noted.said[0].startswith(said)
    with pytest.raises(DataError, match="1 of 10 rows cannot be read"):
        run_step(CURATE, {"sources": settings["sources"]}, tmp_path / "again")


def test_a_truncated_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    lines = [json.dumps({"text": f"{n} {random.Random(n).random()}"}) for n in range(5000)]
    data = gzip.compress("\n".join(lines).encode())
    path.write_bytes(data[: len(data) // 2])
    noted = Notes()
    run_step(CURATE, {"sources": [{"type": "jsonl", "path": str(path)}]}, tmp_path / "run", noted=noted)
    assert "damaged_compression 1" in noted.said[0]
    assert noted.said[1].startswith(f"{path} is damaged behind row ")
    assert noted.said[1].endswith("is lost")


def test_an_empty_held_out_split_is_noted(tmp_path: Path) -> None:
    noted = Notes()
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "x", "group": "json"}])
    run_step(CURATE, {"sources": [{"type": "jsonl", "path": path}]}, tmp_path / "run", noted=noted)
    assert noted.said == ["no document fell into the held-out split: nothing can be measured on unseen text"]


def test_examples_from_a_file(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "qa.jsonl", [{"prompt": f"Why {n}?", "completion": "So."} for n in range(20)]
    )
    made = run_step(
        EXAMPLES, {"source": {"type": "jsonl", "path": path}, "task": "instruct"}, tmp_path / "run"
    )
    assert made.outputs.metrics["documents_kept"] == 20
    assert pq.read_schema(made.payload / "part-00000.parquet").equals(schema_of("instruct"))
    assert json.loads((made.payload / "figures.json").read_text())["sources"]["qa"]["detected"] == [
        "jsonl",
        "form: prompt, completion",
    ]


def test_outside_files_are_listed_and_missing_ones_refused(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "x"}])
    for step, settings in (
        (CURATE, {"sources": [{"type": "jsonl", "path": path}]}),
        (EXAMPLES, {"source": {"type": "jsonl", "path": path}, "task": "instruct"}),
    ):
        assert step.external_files(step.config.model_validate(settings)) == [Path(path)]
    config = CURATE.config.model_validate(
        {"sources": [{"type": "jsonl", "path": path.replace("a.js", "b.js")}]}
    )
    with pytest.raises(RecipeError, match="no such file"):
        CURATE.external_files(config)


@pytest.mark.parametrize(
    ("short", "long"),
    [("exact", {"type": "exact"}), ("near", {"type": "near"}), ("none", None)],
)
def test_dedup_has_short_forms(short: str, long: object) -> None:
    sources = [{"type": "python-docs"}]
    settings = [{"sources": sources, "dedup": dedup} for dedup in (short, long)]
    first, second = map(CURATE.config.model_validate, settings)
    assert first == second


def test_a_mistake_within_near_names_its_key_only() -> None:
    with pytest.raises(ValidationError) as error:
        CURATE.config.model_validate(
            {"sources": [{"type": "python-docs"}], "dedup": {"type": "near", "jacard": 1}}
        )
    assert [each["loc"] for each in error.value.errors()] == [("dedup", "near", "jacard")]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "sources"),
        ({"sources": []}, "at least 1 item"),
        (
            {"sources": [{"type": "python-docs"}, {"type": "python-docs"}]},
            "two sources are named 'python-docs'",
        ),
        ({"sources": [{"type": "python-docs"}], "held_out_fraction": 1.5}, "less than or equal to 1"),
        ({"sources": [{"type": "python-docs"}], "rules": [{"type": "lenght", "min_chars": 1}]}, "'length'"),
        (
            {"sources": [{"type": "python-docs"}], "dedup": "fuzzy"},
            "write exact, near or none, or {type: near",
        ),
        ({"sources": [{"type": "python-docs"}], "dedup": ["near"]}, "write exact, near or none"),
        ({"sources": [{"type": "python-docs"}], "dedup": {"type": "fuzzy"}}, "'exact', 'near'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        CURATE.config.model_validate(settings)
