"""What was read, kept and dropped, counted while documents pass; the source of metrics, figures and report."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ontogeny.data.document import UNKNOWN, content_of, shown
from ontogeny.records.accounting import RowCount, describe
from ontogeny.records.row import SAMPLE_CHARS

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLES_PER_REASON = 3


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

    dropped_by_source: Counter[str] = field(default_factory=Counter)
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
    def read_by_source(self) -> Counter[str]:
        """Records read of each source, bad ones included."""
        return self.kept_by_source + self.dropped_by_source

    @property
    def read(self) -> int:
        """Records read, bad ones included."""
        return self.read_by_source.total()

    @property
    def kept(self) -> int:
        """Documents kept."""
        return self.kept_by_source.total()

    def add_dropped(self, table: pa.Table) -> None:
        """Documents and records that left: the columns of the dropped."""
        self.dropped_by_source += _counted(table, "source")
        counts = _counted(table, "reason")
        self.dropped += counts
        reasons = np.array(table.column("reason").to_pylist())
        for reason in counts:
            wanted = SAMPLES_PER_REASON - len(self.samples[reason])
            for place in np.flatnonzero(reasons == reason)[:wanted].tolist():
                (row,) = table.slice(place, 1).to_pylist()
                text = row["text"] if "text" in row and row["text"] is not None else shown(content_of(row))
                self.samples[reason].append(Sample(row["source"], row["detail"], text[:SAMPLE_CHARS]))

    def add_kept(self, table: pa.Table) -> None:
        """Documents that stay: the columns of the corpus, and `size_bytes`."""
        import pyarrow.compute as pc

        sizes = table.column("size_bytes").to_numpy()
        self.kept_by_source += _counted(table, "source")
        for row in table.group_by("source").aggregate([("size_bytes", "sum")]).to_pylist():
            self.bytes_by_source[row["source"]] += row["size_bytes_sum"]
        self.bytes_kept += int(sizes.sum())
        for size_class, count in Counter(np.frexp(sizes)[1].tolist()).items():
            self.length_classes[size_class] += count
        self.licenses += _counted(table, "license")
        held_out = np.array(table.column("split").to_pylist()) == "held_out"
        self.held_out_documents += int(held_out.sum())
        self.held_out_bytes += int(sizes[held_out].sum())
        dates = pc.min_max(table.column("date")).as_py()
        if dates["min"] is not None:
            self.earliest_date = min(self.earliest_date or dates["min"], dates["min"])
            self.latest_date = max(self.latest_date or dates["max"], dates["max"])

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


def _counted(table: pa.Table, column: str) -> Counter[str]:
    """How often each value of `column` is there; nulls count as UNKNOWN."""
    counts = table.column(column).value_counts().to_pylist()
    return Counter({row["values"] or UNKNOWN: row["counts"] for row in counts})
