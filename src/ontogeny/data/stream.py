"""The records of several units as one stream that knows where it is, and can go on there after a kill.

Where it is: the unit, the place in it that its reader began last (`Reading.begin`), and how many records came since. A
reader that knows no places begins its unit anew, and what was had is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources.files import Reading, Unit
from ontogeny.records.accounting import HOPELESS_BAD_ROWS, RowCount
from ontogeny.records.row import BadRow, Fault


class Stream:
    """Iterates over the records of `units`, counting them; it may be left and iterated further."""

    def __init__(
        self,
        source: str,
        units: Sequence[Unit],
        read: Callable[[Unit, Reading], Iterator[Document | Rejected]],
    ) -> None:
        self._source, self._units, self._read = source, units, read
        self._number = 0
        self._since = 0  # records since the place that was begun last
        self._before = Reading(RowCount(source))  # of units that are done
        self._reading = Reading(RowCount(source))
        self._records = self._all()

    def __iter__(self) -> Iterator[Document | Rejected]:
        return self._records

    @property
    def position(self) -> int:
        """Bytes of the units that are done."""
        done = sum(unit.size_bytes for unit in self._units[: self._number])
        here = self._units[self._number].size_bytes if self._number < len(self._units) else 0
        return done + min(self._reading.position, here)

    @property
    def hopeless(self) -> bool:
        """Whether so many rows were bad, and none good, that the rest need not be read (`RowCount.hopeless`)."""
        before, now = self._before.count, self._reading.count
        return not before.good and not now.good and before.bad + now.bad >= HOPELESS_BAD_ROWS

    def total(self) -> Reading:
        """What was learnt so far, of all units."""
        total = Reading(RowCount(self._source))
        for part in (self._before, self._reading):
            _add(total, part)
        return total

    def resume(self) -> dict[str, Any]:
        """Where the stream is, for `go_on` of another one; JSON."""
        return {
            "unit": self._number,
            "place": self._reading.place,
            "records": self._since,
            "count": reading_to_json(self._reading),
            "before": reading_to_json(self._before),
        }

    def go_on(self, where: Mapping[str, Any]) -> None:
        """Go to where another stream of the same units was; before the first record."""
        self._number = where["unit"]
        self._before = reading_from_json(where["before"])
        self._reading.resume_at = where["place"]
        self._records = self._all(passed=where["records"], then=where["count"])

    def _all(self, passed: int = 0, then: Mapping[str, Any] | None = None) -> Iterator[Document | Rejected]:
        while self._number < len(self._units):
            self._since = 0
            records = self._placed(self._read(self._units[self._number], self._reading))
            for _ in islice(records, passed):
                pass
            if then is not None:
                _set(self._reading, reading_from_json(then))
            yield from records
            _add(self._before, self._reading)
            self._reading = Reading(RowCount(self._source))
            self._number += 1
            passed, then = 0, None

    def _placed(self, records: Iterator[Document | Rejected]) -> Iterator[Document | Rejected]:
        place = None
        for record in records:
            if self._reading.place != place:
                place, self._since = self._reading.place, 0
            self._since += 1
            yield record


def _add(total: Reading, more: Reading) -> None:
    total.count.merge(more.count)
    for what in more.detected:
        total.note_detected(what)


def _set(reading: Reading, then: Reading) -> None:
    """Give `reading` what `then` has counted; its reader holds on to `reading` itself."""
    reading.count = then.count
    reading.detected = then.detected


def reading_to_json(reading: Reading) -> dict[str, Any]:
    """What a reading has counted and found; JSON."""
    count = reading.count
    return {
        "source": count.source,
        "good": count.good,
        "bad": count.bad,
        "reasons": dict(count.reasons),
        "first_bad": [_row_to_json(row) for row in count.first_bad],
        "cut_short": [_row_to_json(row) for row in count.cut_short],
        "detected": reading.detected,
    }


def reading_from_json(data: Mapping[str, Any]) -> Reading:
    """The reverse of `reading_to_json`."""
    count = RowCount(data["source"])
    count.good, count.bad = data["good"], data["bad"]
    count.reasons.update(data["reasons"])
    count.first_bad = [_row_from_json(row) for row in data["first_bad"]]
    count.cut_short = [_row_from_json(row) for row in data["cut_short"]]
    return Reading(count, list(data["detected"]))


def _row_to_json(row: BadRow) -> dict[str, Any]:
    return {
        "reason": row.reason.value,
        "detail": row.detail,
        "number": row.number,
        "locator": row.locator,
        "sample": row.sample,
    }


def _row_from_json(data: Mapping[str, Any]) -> BadRow:
    return BadRow(Fault(data["reason"]), data["detail"], data["number"], data["locator"], data["sample"])
