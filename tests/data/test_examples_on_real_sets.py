"""Sets that people publish, read as they lie there with nothing but names of columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ontogeny.data.step import EXAMPLES
from tests.data.conftest import run_step
from tests.data.sources.unit_reading import shared


def made_of(folder: Path, source: dict[str, Any], **settings: Any) -> dict[str, Any]:
    made = run_step(EXAMPLES, {"source": source, **settings}, folder)
    figures: dict[str, Any] = json.loads((made.payload / "figures.json").read_text())
    return figures


def test_messages_under_two_labels_without_a_header(tmp_path: Path) -> None:
    path = shared("sms-spam") / "SMSSpamCollection.tsv"
    figures = made_of(tmp_path, {"path": str(path), "header": ["label", "text"]}, task="classify")
    assert figures["documents_read"] == 5574
    assert set(figures["dropped"]) == {"exact_duplicate"}
    assert figures["labels"] == ["ham", "spam"]
    for each in figures["label_counts"].values():
        assert each["test"] / sum(each.values()) == pytest.approx(0.2, abs=0.005)


def test_many_intents_with_a_test_file_that_training_repeats(tmp_path: Path) -> None:
    folder = shared("banking77")
    source = {part: str(folder / f"{part}.csv") for part in ("train", "test")}
    figures = made_of(tmp_path, {**source, "columns": {"label": "category"}}, task="classify")
    assert len(figures["labels"]) == 77
    assert figures["dropped"] == {
        "also_in_test": 7,
        "exact_duplicate": 5,
        "near_copy_of_held_out": 3,
        "near_copy_of_test": 122,
    }
    assert figures["near_leaks"] == {"test": 122, "held_out": 3}
    assert figures["parts"]["test"] == 3079


def test_lines_of_a_label_and_a_text(tmp_path: Path) -> None:
    folder = shared("trec")
    source = {part: str(folder / f"TREC.{part}") for part in ("train", "test")}
    source |= {"type": "lines", "encoding": "latin-1"}
    figures = made_of(tmp_path, source, task="classify", label_until=":")
    assert figures["labels"] == ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
    assert figures["documents_read"] == 5952
    assert figures["parts"]["test"] == 500


def test_a_title_and_a_body_are_one_text(tmp_path: Path) -> None:
    path = shared("ag-news-test") / "test.csv"
    source = {"path": str(path), "header": ["label", "title", "body"], "columns": {"text": ["title", "body"]}}
    figures = made_of(tmp_path, source, task="classify")
    assert figures["parts"] == {"train": 5472, "held_out": 608, "test": 1520}


@pytest.mark.parametrize(
    ("name", "source", "kept"),
    [
        ("alpaca", {"path": "alpaca_5000.json"}, 4998),
        (
            "gsm8k-train",
            {"path": "train.jsonl", "columns": {"prompt": "question", "completion": "answer"}},
            7473,
        ),
        ("dolly-hh-mix", {"path": "dolly-hh-1000.jsonl", "columns": {"completion": "response"}}, 1000),
        ("gpteacher", {"path": "roleplay.json.gz", "columns": {"output": "response"}}, 1923),
    ],
)
def test_instructions_in_all_forms(tmp_path: Path, name: str, source: dict[str, Any], kept: int) -> None:
    figures = made_of(tmp_path, {**source, "path": str(shared(name) / source["path"])}, task="instruct")
    assert figures["documents_kept"] == kept
    assert figures["documents_read"] == kept + sum(figures["dropped"].values())


def test_calls_of_tools_are_counted_and_kept_apart(tmp_path: Path) -> None:
    path = shared("tool-calls-300") / "glaive_toolcall_en_demo.json"
    figures = made_of(tmp_path, {"path": str(path)}, task="instruct", max_bad_fraction=1)
    assert figures["dropped"]["not_a_conversation"] == 153
    assert (
        "columns that nothing is made of: tools" in figures["sources"]["glaive_toolcall_en_demo"]["detected"]
    )
