"""The figures in README.md are those of the result files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import (
    BEGIN,
    END,
    NOTHING_YET,
    README,
    ROWS,
    Figures,
    ratio_of_few,
    render,
    spread,
    with_figures,
)
from benchmarks.measure import RESULTS


def record(figures: dict[str, Any], **more: Any) -> str:
    return json.dumps(
        {
            "command": "python -m benchmarks.demo",
            "date": "2030-01-02T03:04:05+00:00",
            "hardware": {"processor": "a processor", "cores": 2},
            "figures": figures,
            **more,
        }
    )


DEMO = {
    "seconds": 300.0,
    "peak_bytes": 1_500_000_000,
    "second run, seconds": 2.0,
    "overhead of manifests and ledger, share": 0.004,
}


def test_the_readme_shows_the_results_that_are_there() -> None:
    text = README.read_text()
    assert with_figures(text, render(RESULTS)) == text, "run: python -m benchmarks.figures --write"


def test_without_results_the_table_says_how_to_get_them(tmp_path: Path) -> None:
    assert render(tmp_path) == NOTHING_YET


def test_a_result_becomes_rows_with_machine_date_and_command(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(record(DEMO))
    table = render(tmp_path).splitlines()
    assert table[2].startswith(
        "| the demo, from nothing | 5.0 min | `python -m benchmarks.demo` (a processor, 2 cores"
    )
    assert "2030-01-02" in table[2]
    assert "1.50 GB" in table[3]


def test_a_disturbed_measurement_says_so(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(record(DEMO, disturbed=True))
    assert "other programs were running" in render(tmp_path)


def test_only_the_part_between_the_markers_changes() -> None:
    assert with_figures(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\nnew\n{END}\nb"


def test_of_few_runs_all_are_told_and_no_quartiles() -> None:
    few = {"n": 2, "median": 2.0, "quartiles": [-3.0, 7.0], "min": 1.0, "max": 3.0, "ci95": [1.0, 3.0]}
    assert spread(few, ".1f") == "2.0 (all from 1.0 to 3.0; n = 2)"
    assert ratio_of_few(few) == "2 (n = 2)"
    enough = few | {"n": 4, "quartiles": [1.5, 2.5], "ci95": [1.2, 2.8]}
    assert spread(enough, ".1f") == "2.0 (1.5 to 2.5; n = 4)"
    assert ratio_of_few(enough) == "2 (95%: 1.2 to 2.8; n = 4)"


@pytest.mark.parametrize(
    "name",
    [
        "rules_datatrove",
        "curate_end_to_end",
        "dedup_quality",
        "dedup_speed",
        "tokenizer_encode",
        "tokenizer_train",
    ],
)
def test_a_figure_that_a_result_lacks_leaves_its_row_out(name: str) -> None:
    assert not [value for _, value in ROWS[name](Figures()) if value is not None]


def test_memory_stands_beside_that_of_the_peer(tmp_path: Path) -> None:
    peaks = {"ours slice, 1 worker": 300_000_000, "peer jsonl": 900_000_000}
    (tmp_path / "curate_end_to_end.json").write_text(record({"peak bytes, resident": peaks}))
    (row,) = render(tmp_path).splitlines()[2:]
    assert "ours with 1 worker and datatrove's | 300 and 900 MB |" in row
