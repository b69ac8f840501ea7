"""What was read, kept and dropped, counted while documents pass; the source of metrics, figures and report."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from ontogeny.data.rules.drop import Drop
from ontogeny.records.accounting import RowCount, describe
from ontogeny.records.external_sort import Stored

SAMPLES_PER_REASON = 3
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sample:
    """A dropped document, shown in the report."""

    source: str
    detail: str
    text: str


@dataclass
class Tally:
    """Counts of one pass. Lengths are counted in classes: key k for 2**(k-1) <= bytes < 2**k.

    `repeated_ids`: documents kept under a new id, since another content of their source has theirs.
    """

    read_by_source: Counter[str] = field(default_factory=Counter)
    kept_by_source: Counter[str] = field(default_factory=Counter)
    bytes_by_source: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    licenses: Counter[str] = field(default_factory=Counter)
    length_classes: Counter[int] = field(default_factory=Counter)
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    repeated_ids: int = 0
    bytes_kept: int = 0
    held_out_documents: int = 0
    held_out_bytes: int = 0
    latest_date: str | None = None
    earliest_date: str | None = None

    @property
    def read(self) -> int:
        """Records read, bad ones included."""
        return self.read_by_source.total()

    @property
    def kept(self) -> int:
        """Documents kept."""
        return self.kept_by_source.total()

    def add_read(self, source: str) -> None:
        """One record of `source` came."""
        self.read_by_source[source] += 1

    def add_dropped(self, source: str, drop: Drop, *, sample: str) -> None:
        """One record left."""
        self.dropped[drop.reason] += 1
        if len(self.samples[drop.reason]) < SAMPLES_PER_REASON:
            self.samples[drop.reason].append(Sample(source, drop.detail, sample))

    def add_kept(self, row: Stored, *, size_bytes: int) -> None:
        """One document stays."""
        source = str(row["source"])
        self.kept_by_source[source] += 1
        self.bytes_by_source[source] += size_bytes
        self.bytes_kept += size_bytes
        self.length_classes[size_bytes.bit_length()] += 1
        self.licenses[str(row["license"] or UNKNOWN)] += 1
        if row["split"] == "held_out":
            self.held_out_documents += 1
            self.held_out_bytes += size_bytes
        if isinstance(date := row["date"], str):
            self.latest_date = max(self.latest_date or date, date)
            self.earliest_date = min(self.earliest_date or date, date)

    def metrics(self) -> dict[str, object]:
        """What the step reports; documents_read = documents_kept + the sum of dropped."""
        return {
            "documents_read": self.read,
            "documents_kept": self.kept,
            "bytes_kept": self.bytes_kept,
            "dropped": dict(sorted(self.dropped.items())),
            "held_out_documents": self.held_out_documents,
            "held_out_bytes": self.held_out_bytes,
        }

    def figures(self, counts: list[RowCount], formats: dict[str, list[str]]) -> dict[str, object]:
        """Everything counted, for `figures.json`; `counts` are the sources' rows, `formats` what was detected."""
        return {
            **self.metrics(),
            "sources": {
                name: {
                    "read": self.read_by_source[name],
                    "kept": self.kept_by_source[name],
                    "bytes_kept": self.bytes_by_source[name],
                    "detected": formats.get(name, []),
                }
                for name in sorted(self.read_by_source)
            },
            "repeated_ids": self.repeated_ids,
            "licenses": dict(sorted(self.licenses.items())),
            "dates": {"earliest": self.earliest_date, "latest": self.latest_date},
            "length_classes": {str(2**key): count for key, count in sorted(self.length_classes.items())},
            "bad_rows": {
                count.source: [describe(row) for row in count.first_bad] for count in counts if count.bad
            },
            "dropped_samples": {
                reason: [{"source": s.source, "detail": s.detail, "text": s.text} for s in samples]
                for reason, samples in sorted(self.samples.items())
            },
        }
