"""When bad rows are too many, and what the error shows."""

from __future__ import annotations

import pytest

from ontogeny.core.errors import DataError
from ontogeny.records.accounting import HOPELESS_BAD_ROWS, RowCount
from ontogeny.records.row import BadRow, Fault


def count_of(good: int, bad: int, reason: Fault = Fault.NOT_JSON) -> RowCount:
    count = RowCount("web")
    for _ in range(good):
        count.add_good()
    for number in range(bad):
        count.add_bad(BadRow(reason, "Expecting value", number + 1, f"web.jsonl#bytes={number}-{number + 1}"))
    return count


def test_up_to_the_fraction_is_fine() -> None:
    count_of(99, 1).check(0.01)
    count_of(0, 0).check(0.0)
    count_of(0, 5).check(1.0)


def test_beyond_it_the_error_names_source_files_rows_and_remedy() -> None:
    with pytest.raises(DataError) as error:
        count_of(90, 10).check(0.01)
    text = str(error.value)
    assert text.startswith("source web: 10 of 100 rows cannot be read, more than the 1.00% allowed:")
    assert "web.jsonl#bytes=0-1 (row 1): not_json: Expecting value" in text
    assert "and 5 more" in text
    assert "raise `max_bad_fraction`" in text


def test_a_missing_column_gets_its_own_remedy() -> None:
    with pytest.raises(DataError, match=r"columns: \{text: body\}"):
        count_of(0, 3, Fault.MISSING_COLUMN).check(0.01)


def test_only_bad_rows_are_hopeless() -> None:
    assert count_of(0, HOPELESS_BAD_ROWS).hopeless
    assert not count_of(1, HOPELESS_BAD_ROWS).hopeless
