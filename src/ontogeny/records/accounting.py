"""How many rows of a source were bad, and when that is too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.records.remedies import REMEDIES
from ontogeny.records.row import BadRow, Fault

MAX_BAD_FRACTION = 0.01
"""Part of a source's rows that may be bad before a run stops; a recipe can raise it."""

SHOWN_BAD_ROWS = 5
"""Bad rows that an error and the figures show."""

HOPELESS_BAD_ROWS = 1_000
"""After so many bad rows and not one good row, the settings are wrong rather than the rows."""


class RowCount:
    """Counts the rows of one source and keeps the first bad ones."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.good = 0
        self.bad = 0
        self.first_bad: list[BadRow] = []
        self.reasons: Counter[str] = Counter()
        self.cut_short: list[BadRow] = []
        """Where a file could not be read on: what follows there is lost."""

    def add_good(self) -> None:
        """One more row was read."""
        self.good += 1

    def add_bad(self, row: BadRow) -> None:
        """One more row was bad."""
        self.bad += 1
        self.reasons[row.reason.value] += 1
        if row.reason in (Fault.DAMAGED_COMPRESSION, Fault.DAMAGED_FILE):
            self.cut_short.append(row)
        if len(self.first_bad) < SHOWN_BAD_ROWS:
            self.first_bad.append(row)

    def merge(self, other: RowCount) -> None:
        """Add what another count of the same source found further on."""
        self.good += other.good
        self.bad += other.bad
        self.reasons += other.reasons
        self.cut_short += other.cut_short
        self.first_bad = [*self.first_bad, *other.first_bad][:SHOWN_BAD_ROWS]

    @property
    def total(self) -> int:
        """How many rows there were, good and bad."""
        return self.good + self.bad

    @property
    def hopeless(self) -> bool:
        """Whether so many rows in a row were bad, and none good, that the rest need not be read."""
        return self.good == 0 and self.bad >= HOPELESS_BAD_ROWS

    def check(self, max_bad_fraction: float) -> None:
        """Show the first bad rows where more than `max_bad_fraction` of the rows were bad.

        Raises:
            RecipeError: no row has a column that is asked for.
            DataError: too many rows are bad for other reasons.
        """
        if not self.bad or self.bad <= max_bad_fraction * self.total:
            return
        where = f"source {self.source}"
        first = next((row for row in self.first_bad if row.reason is Fault.MISSING_COLUMN), None)
        if not self.good and first and self.reasons.most_common(1)[0][0] == Fault.MISSING_COLUMN:
            raise RecipeError(
                f"none of the {self.bad:,} rows read has what is asked for: {first.detail}",
                where=where,
                hint=REMEDIES[Fault.MISSING_COLUMN],
            )
        shown = "\n".join(f"  {describe(row)}" for row in self.first_bad)
        more = f"\n  and {self.bad - len(self.first_bad):,} more" if self.bad > len(self.first_bad) else ""
        if self._all_are(Fault.EMPTY_FILE):
            files = "its only file is" if self.bad == 1 else f"all its {self.bad:,} files are"
            raise DataError(f"{files} empty:\n{shown}{more}", where=where, hint=REMEDIES[Fault.EMPTY_FILE])
        allowed = f"more than the {max_bad_fraction:.2%} allowed"
        ((reason, _),) = self.reasons.most_common(1)
        raise DataError(
            f"{self.bad:,} of {self.total:,} rows cannot be read, {allowed}:\n{shown}{more}",
            where=where,
            hint=f"{REMEDIES[reason]}; or raise `max_bad_fraction` to go on without them (they are kept in"
            " dropped.parquet)",
        )

    def notes(self) -> Iterator[str]:
        """What to know of the bad rows, where there are not too many."""
        empty = self.reasons[Fault.EMPTY_FILE]
        if empty:
            files = "1 file" if empty == 1 else f"{empty:,} files"
            named = next((row for row in self.first_bad if row.reason is Fault.EMPTY_FILE), None)
            first = f", the first {file_of(named)}" if named else ""
            yield f"{self.source}: there is nothing in {files}{first}; {REMEDIES[Fault.EMPTY_FILE]}"
        others = [row for row in self.first_bad if row.reason is not Fault.EMPTY_FILE]
        if self.bad > empty:
            counts = [
                (reason, count) for reason, count in self.reasons.most_common() if reason != Fault.EMPTY_FILE
            ]
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts)
            first = f"; the first: {describe(others[0])}" if others else ""
            yield f"{self.source}: {self.bad - empty:,} unreadable rows ({reasons}), kept in dropped.parquet{first}"
        for row in self.cut_short:
            place = f"behind row {row.number - 1:,}" if row.number > 1 else "at its beginning"
            yield f"{file_of(row)} is damaged {place} ({row.detail}): what could not be read there is lost"

    def _all_are(self, reason: Fault) -> bool:
        return self.good == 0 and self.reasons[reason] == self.bad


def file_of(row: BadRow) -> str:
    """The file that `row` stands in."""
    return row.locator.partition("#")[0]


def describe(row: BadRow) -> str:
    """One line for a person: where, why, what exactly."""
    number = f" (row {row.number})" if row.number else ""
    return f"{row.locator}{number}: {row.reason}: {row.detail}"
