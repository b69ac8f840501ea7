"""Jobs: small units share one, a killed one goes on where it was, and neither changes what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.core.files import digest_json
from ontogeny.data import intake
from ontogeny.data.document import Document, Rejected, Text, make_doc_id
from ontogeny.data.intake import BUNDLE_BOUND, BUNDLE_BYTES, Intake, UnitJob, bundle_key, bundled, read_unit
from ontogeny.data.portions import Portion
from ontogeny.data.sources.files import Reading, Unit


def units_of(sizes: list[int]) -> tuple[list[Unit], list[str]]:
    units = [Unit(Path(f"{number:05d}"), size) for number, size in enumerate(sizes)]
    return units, [digest_json(str(unit.path)) for unit in units]


@given(st.lists(st.integers(0, 2 * BUNDLE_BYTES), max_size=60))
def test_bundles_hold_every_unit_once_and_no_more_than_their_bound(sizes: list[int]) -> None:
    groups = list(bundled(*units_of(sizes)))
    assert [number for group in groups for number in group] == list(range(len(sizes)))
    for group in groups:
        assert sum(sizes[number] for number in group[:-1]) < BUNDLE_BOUND * BUNDLE_BYTES
        assert len(group) == 1 or all(sizes[number] < BUNDLE_BYTES for number in group)


def test_a_file_more_changes_the_bundle_where_it_stands_and_no_other() -> None:
    units, keys = units_of([3000] * 4000)
    before = {bundle_key([keys[n] for n in group]) for group in bundled(units, keys)}
    units.insert(1234, Unit(Path("new"), 3000))
    keys.insert(1234, digest_json("new"))
    after = {bundle_key([keys[n] for n in group]) for group in bundled(units, keys)}
    assert 4 < len(before) < 100
    assert len(after - before) <= 2


class Killed(Exception):
    pass


class Reader:
    """One document an item; `opened` counts the items, and at `kill_at` the process dies."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.kill_at, self.opened = kill_at, 0

    def __call__(self, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
        for item in range(reading.resume_at or 0, unit.size_bytes):
            reading.begin(item)
            if item == self.kill_at:
                raise Killed
            self.opened += 1
            reading.count.add_good()
            doc_id = make_doc_id("s", f"{unit.path}{item}")
            content = Text(f"{unit.path.name} text {item}")
            yield Document(doc_id=doc_id, group=doc_id, source="s", locator=str(item), content=content)


def test_a_killed_job_goes_on_inside_a_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "PORTION_ROWS", 10)
    units = (Unit(Path("a"), 15), Unit(Path("b"), 40))

    def job(reader: Reader, folder: str) -> UnitJob:
        return UnitJob("s", units, reader, Intake(), tmp_path / folder)

    with pytest.raises(Killed):
        read_unit(job(Reader(kill_at=33), "killed"))
    reader = Reader()
    done = read_unit(job(reader, "killed"))
    whole = read_unit(job(Reader(), "whole"))
    assert reader.opened == 55 - 40 + 1  # the item that the last portion ended in is read again
    assert texts(done.portions) == texts(whole.portions)
    assert done.reading.count.good == whole.reading.count.good == 55
    again = Reader(kill_at=0)
    assert read_unit(job(again, "killed")).reading.count.good == 55


def texts(portions: tuple[Portion, ...]) -> list[list[str]]:
    return [portion.texts().strings() for portion in portions]
