"""A stream that is gone on with gives what was missing, and its count, with no more work than its reader needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.data.document import Document, Rejected, Text
from ontogeny.data.sources.files import Reading, Unit
from ontogeny.data.stream import Stream, reading_to_json
from ontogeny.records.accounting import HOPELESS_BAD_ROWS
from ontogeny.records.row import BadRow, Fault

ITEM_BYTES = 10
UNITS = [Unit(Path("a"), 5 * ITEM_BYTES), Unit(Path("b"), 0), Unit(Path("c"), 4 * ITEM_BYTES)]


class Reader:
    """Items of 0, 1, 2, 0, 1, ... records, each third record bad; `opened` is the work that was done."""

    def __init__(self, *, places: bool) -> None:
        self.places = places
        self.opened: list[tuple[str, int]] = []

    def __call__(self, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
        reading.note_detected(f"form {unit.path}")
        first = (reading.resume_at or 0) if self.places else 0
        for item in range(first, unit.size_bytes // ITEM_BYTES):
            if self.places:
                reading.begin(item)
            self.opened.append((unit.path.name, item))
            for number in range(item % 3):
                locator = f"{unit.path}#{item}.{number}"
                if (item + number) % 3 == 2:
                    reading.count.add_bad(BadRow(Fault.NOT_JSON, "x", reading.count.total + 1, locator))
                    yield Rejected(source="s", locator=locator, reason="not_json", detail="x")
                else:
                    reading.count.add_good()
                    yield Document(doc_id=locator, group="g", source="s", locator=locator, content=Text("x"))


def locators(stream: Stream, most: int | None = None) -> list[str]:
    found = []
    for record in stream if most != 0 else ():
        found.append(record.locator)
        if len(found) == most:
            break
    return found


@given(st.booleans(), st.integers(1, 7))
def test_going_on_equals_never_having_stopped(places: bool, stop: int) -> None:
    whole = Stream("s", UNITS, Reader(places=places))
    everything = locators(whole)
    first = Stream("s", UNITS, Reader(places=places))
    had = locators(first, stop)
    where = json.loads(json.dumps(first.resume()))
    reader = Reader(places=places)
    second = Stream("s", UNITS, reader)
    second.go_on(where)
    assert [*had, *locators(second)] == everything
    assert reading_to_json(second.total()) == reading_to_json(whole.total())
    if places:
        assert reader.opened[0] == (UNITS[where["unit"]].path.name, where["place"])
        assert where["place"] > 0  # the first item has no record
    assert {name for name, _ in reader.opened} <= {unit.path.name for unit in UNITS[where["unit"] :]}


def test_positions_grow_to_the_size_of_all(tmp_path: Path) -> None:
    stream = Stream("s", UNITS, Reader(places=True))
    assert stream.position == 0
    locators(stream)
    assert stream.position == sum(unit.size_bytes for unit in UNITS)


@pytest.mark.parametrize("good", [0, 1])
def test_hopeless_counts_over_all_units(good: int) -> None:
    def read(unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
        for number in range(unit.size_bytes):
            reading.count.add_bad(BadRow(Fault.NOT_JSON, "x", number, "l"))
            yield Rejected(source="s", locator="l", reason="not_json", detail="x")
        if unit.path.name == "a" and good:
            reading.count.add_good()

    units = [Unit(Path("a"), HOPELESS_BAD_ROWS - 1), Unit(Path("b"), 1)]
    stream = Stream("s", units, read)
    assert len(locators(stream, HOPELESS_BAD_ROWS - 1)) == HOPELESS_BAD_ROWS - 1
    assert not stream.hopeless
    locators(stream)
    assert stream.hopeless == (not good)
