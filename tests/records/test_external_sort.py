"""Sorting through the disk gives what sorting in memory gives, whatever the budget and the order."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ontogeny.records import external_sort
from ontogeny.records.external_sort import ExternalSort, Stored, batches, text_bytes

SCHEMA = pa.schema([("name", pa.string()), ("turns", pa.list_(pa.struct([("text", pa.string())])))])


def by_name(row: Stored) -> tuple[str, ...]:
    return (str(row["name"]),)


def rows_of(names: list[str]) -> list[Stored]:
    return [{"name": name, "turns": [{"text": name}]} for name in names]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=4), unique=True, max_size=30),
    st.integers(1, 8_000),
)
def test_it_sorts(tmp_path: Path, names: list[str], memory_bytes: int) -> None:
    sort = ExternalSort(tmp_path / "sort", SCHEMA, by_name, memory_bytes=memory_bytes)
    for row in rows_of(names):
        sort.add(row, size_bytes=10)
    assert list(sort.merged()) == rows_of(sorted(names))


def test_many_runs_are_merged_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_sort, "MAX_RUNS", 3)
    names = [f"{(17 * number) % 101:03d}" for number in range(101)]
    sort = ExternalSort(tmp_path / "sort", SCHEMA, by_name, memory_bytes=1)
    for row in rows_of(names):
        sort.add(row, size_bytes=1)
    assert len(list((tmp_path / "sort").iterdir())) < 3
    assert list(sort.merged()) == rows_of(sorted(names))


def test_what_an_earlier_attempt_left_is_gone(tmp_path: Path) -> None:
    (tmp_path / "sort").mkdir()
    (tmp_path / "sort" / "run-00000.arrow").write_bytes(b"half a run")
    assert list(ExternalSort(tmp_path / "sort", SCHEMA, by_name).merged()) == []


def test_batches_keep_order_and_bound_their_size() -> None:
    rows = rows_of(["a" * 10] * 7)
    found = list(batches(rows, 40))
    assert [row for batch in found for row in batch] == rows
    assert all(text_bytes(batch) <= 40 for batch in found)
    assert list(batches([], 40)) == []
