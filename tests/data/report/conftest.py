"""A corpus with something of everything: two sources, rules that drop, copies, dates, licences, a bad row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ontogeny.data.report.finished import report_finished
from ontogeny.data.step import CURATE
from tests.data.conftest import Made, run_step

WORDS = [
    "the",
    "river",
    "runs",
    "to",
    "a",
    "town",
    "and",
    "people",
    "of",
    "that",
    "place",
    "have",
    "boats",
    "with",
]
RULES: list[dict[str, Any]] = [
    {"type": "length", "min_chars": 60, "max_bytes": 1500},
    {"type": "gopher-quality", "min_words": 12, "min_stop_words": 1},
]


def text_of(number: int, words: int) -> str:
    """A text of so many words, another one for each number; each 17th has words without letters."""
    chosen = [WORDS[(number * 7 + place * (1 + number % 5)) % len(WORDS)] for place in range(words - 1)]
    if number % 17 == 0:
        chosen[::2] = ["4711"] * len(chosen[::2])
    return " ".join([*chosen, f"number{number}"]) + "."


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def curate(folder: Path, rules: Sequence[dict[str, Any]] = tuple(RULES)) -> Made:
    """The corpus under `rules`, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    novels = [
        {"text": text_of(number, 4 + number % 90), "date": f"{1900 + number % 4}-05-01", "license": "CC0-1.0"}
        for number in range(160)
    ]
    novels += [novels[60], novels[61]]
    write_rows(folder / "novels.jsonl", novels)
    write_rows(
        folder / "notes.jsonl", [{"text": text_of(number, 30)} for number in range(500, 540)] + [novels[60]]
    )
    with (folder / "notes.jsonl").open("a") as file:
        file.write("{not json\n")
    sources = [{"type": "jsonl", "path": str(folder / f"{name}.jsonl")} for name in ("novels", "notes")]
    settings = {"sources": sources, "rules": list(rules), "max_bad_fraction": 0.1}
    return run_step(CURATE, settings, folder / "made", workers=1)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return curate(tmp_path_factory.mktemp("mixed"))


@pytest.fixture(scope="session")
def reported(mixed: Made, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Where its report lies, and its figures."""
    folder = tmp_path_factory.mktemp("reported")
    reference = folder / "exam.jsonl"
    write_rows(reference, [{"question": "Which boats have sails?", "choices": ["the river boats", "trains"]}])
    figures = report_finished(
        mixed.payload, folder / "out", name="mix/corpus@2", version=2, rules=RULES, references=[reference]
    )
    return folder / "out", figures
