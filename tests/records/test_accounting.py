"""When bad rows are too many, and what the error shows."""

from __future__ import annotations

import pytest

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.records.accounting import HOPELESS_BAD_ROWS, RowCount
from ontogeny.records.remedies import REMEDIES
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


def test_a_column_that_no_row_has_is_the_user_s_mistake() -> None:
    with pytest.raises(
        RecipeError, match="source web: none of the 3 rows read has what is asked for"
    ) as error:
        count_of(0, 3, Fault.MISSING_COLUMN).check(0.01)
    assert error.value.exit_code == 2 and "columns: {text: body}" in str(error.value.hint)
    with pytest.raises(DataError, match=r"columns: \{text: body\}"):  # some rows have it
        count_of(1, 3, Fault.MISSING_COLUMN).check(0.01)


def test_the_remedy_is_that_of_the_most_frequent_reason() -> None:
    count = count_of(5, 2)
    count.merge(count_of(0, 1, Fault.EMPTY_FILE))
    with pytest.raises(DataError, match="3 of 8 rows cannot be read") as error:
        count.check(0.01)
    assert error.value.hint and error.value.hint.startswith(REMEDIES[Fault.NOT_JSON])


@pytest.mark.parametrize(
    ("number", "said"), [(1, "its only file is empty"), (7, "all its 7 files are empty")]
)
def test_a_source_of_empty_files_says_so(number: int, said: str) -> None:
    with pytest.raises(DataError, match=f"source web: {said}:") as error:
        count_of(0, number, Fault.EMPTY_FILE).check(0.01)
    assert "web.jsonl" in str(error.value) and ("and 2 more" in str(error.value)) == (number == 7)
    assert error.value.hint == REMEDIES[Fault.EMPTY_FILE] and "`path`" in error.value.hint


def test_notes_tell_empty_files_and_bad_rows_apart() -> None:
    count = count_of(500, 2, Fault.EMPTY_FILE)
    count.merge(count_of(0, 3))
    empty, rows = count.notes()
    assert empty.startswith("web: there is nothing in 2 files, the first web.jsonl; ")
    assert empty.endswith(REMEDIES[Fault.EMPTY_FILE])
    assert rows.startswith(
        "web: 3 unreadable rows (not_json 3), kept in dropped.parquet; the first: web.jsonl#"
    )
    assert list(count_of(5, 0).notes()) == []


def test_a_damaged_file_is_noted_with_the_row_before_the_damage() -> None:
    count = count_of(500, 0)
    count.add_bad(BadRow(Fault.DAMAGED_COMPRESSION, "truncated", 501, "web.jsonl.gz#record=501"))
    _, note = count.notes()
    assert note == "web.jsonl.gz is damaged behind row 500 (truncated): what could not be read there is lost"


def test_every_fault_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Fault)


def test_only_bad_rows_are_hopeless() -> None:
    assert count_of(0, HOPELESS_BAD_ROWS).hopeless
    assert not count_of(1, HOPELESS_BAD_ROWS).hopeless
