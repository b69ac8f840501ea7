"""How many rows of a source were bad, and when that is too many."""

from __future__ import annotations

from collections import Counter

from ontogeny.core.errors import DataError
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
        """Raises DataError when more than `max_bad_fraction` of the rows were bad; it shows the first of them."""
        if not self.bad or self.bad <= max_bad_fraction * self.total:
            return
        shown = "\n".join(f"  {describe(row)}" for row in self.first_bad)
        more = f"\n  and {self.bad - len(self.first_bad):,} more" if self.bad > len(self.first_bad) else ""
        allowed = f"more than the {max_bad_fraction:.2%} allowed"
        raise DataError(
            f"{self.bad:,} of {self.total:,} rows cannot be read, {allowed}:\n{shown}{more}",
            where=f"source {self.source}",
            hint=self._hint(),
        )

    def _hint(self) -> str:
        if any(row.reason == "missing_column" for row in self.first_bad):
            return "name the column in the recipe, e.g. `columns: {text: body}`, or raise `max_bad_fraction`"
        return "mend these rows, or raise `max_bad_fraction` to go on without them (they are kept in dropped.parquet)"


def describe(row: BadRow) -> str:
    """One line for a person: where, why, what exactly."""
    number = f" (row {row.number})" if row.number else ""
    return f"{row.locator}{number}: {row.reason}: {row.detail}"
