"""Which benchmarks run, and with what."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.figures import TABLES
from benchmarks.run_all import ALONE, WITH_DATA, commands_for


def test_without_data_those_run_that_need_none() -> None:
    assert commands_for([], None) == ALONE
    assert set(commands_for([], Path("texts"))) == {*ALONE, *WITH_DATA}
    assert commands_for(["time_to_loss"], Path("texts")) == {"time_to_loss": ("--data", "texts")}


def test_what_cannot_run_is_refused() -> None:
    with pytest.raises(ValueError, match="no benchmark 'dmeo'; there is cli_startup"):
        commands_for(["dmeo"], None)
    with pytest.raises(ValueError, match="time_to_loss reads texts: give --data DIR"):
        commands_for(["time_to_loss"], None)


def test_every_benchmark_of_the_tables_is_known() -> None:
    known = {*ALONE, *WITH_DATA}
    shown = [name for rows in TABLES.values() for name in rows]  # those of a benchmark begin with its name
    made_by = [[one for one in known if f"{name}_".startswith(f"{one}_")] for name in shown]
    assert all(len(found) == 1 for found in made_by)
    assert {found[0] for found in made_by} == known
