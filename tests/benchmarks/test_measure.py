"""The arithmetic behind every result file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.measure import Neighbours, bootstrap_median, summary, write_result


def test_a_summary_holds_median_quartiles_and_extremes() -> None:
    assert summary([3.0, 1.0, 2.0, 5.0, 4.0]) == {
        "n": 5,
        "median": 3.0,
        "quartiles": [1.5, 4.5],
        "min": 1.0,
        "max": 5.0,
    }


def test_a_single_value_is_its_own_summary() -> None:
    assert summary([2.0])["quartiles"] == [2.0, 2.0]


@pytest.mark.parametrize("values", [[1.0, 3.0], [1.0, 2.0, 9.0], [1.0, 1.0, 1.0, 50.0]])
def test_quartiles_lie_between_the_extremes(values: list[float]) -> None:
    low, high = summary(values)["quartiles"]  # type: ignore[misc]
    assert values[0] <= low <= high <= values[-1]  # type: ignore[operator]


def test_the_bootstrap_interval_holds_the_median_and_repeats() -> None:
    values = [0.9, 1.0, 1.1, 1.2, 0.95, 1.05, 1.15, 0.97]
    result = bootstrap_median(values)
    low, high = result["ci95"]  # type: ignore[misc]
    assert 0.9 <= low <= result["median"] <= high <= 1.2  # type: ignore[operator]
    assert result == bootstrap_median(values)


def test_equal_values_leave_no_doubt() -> None:
    assert bootstrap_median([2.0] * 5)["ci95"] == [2.0, 2.0]


def test_neighbours_are_counted_in_cores() -> None:
    with Neighbours() as neighbours:
        sum(range(100_000))
    assert neighbours.cores is None or neighbours.cores >= 0.0


def test_a_result_file_says_what_when_where_and_every_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    monkeypatch.setattr(measure, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["/somewhere/benchmarks/speed.py", "--size", "small"])
    write_result("x", settings={"rounds": 2}, runs=[1.23456789, 2.0], figures={"median": 1.5})
    record = json.loads((tmp_path / "x.json").read_bytes())
    assert record["runs"] == [1.23457, 2.0]
    assert record["command"] == "python -m benchmarks.speed --size small"
    assert {"date", "hardware", "versions", "command", "settings", "figures"} <= record.keys()


def test_a_trial_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    write_result("x", settings={}, runs=[], figures={}, keep=False)
    assert list(tmp_path.iterdir()) == []
