"""What was read, kept and dropped, counted while documents pass; the source of metrics, figures and report."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.data.document import content_of, shown
from ontogeny.lineage.step import UNKNOWN
from ontogeny.records.accounting import RowCount, describe
from ontogeny.records.row import SAMPLE_CHARS

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLES_PER_REASON = 3
SAMPLES_PER_SOURCE = 2
SHOWN_CHARS = 600
"""Of a kept document, in the figures; the rest is in the corpus."""
YEAR_CHARS = 4


@dataclass(frozen=True)
class Sample:
    """A document that the report shows; `detail` says why it was dropped, or where it was read."""

    source: str
    detail: str
    text: str


@dataclass
class Tally:
    """Counts of one pass. Lengths are counted in classes: key k for 2**(k-1) <= bytes < 2**k.

    `repeated_ids`: documents kept under a new id, since another content of their source has theirs. `years` are those
    of kept documents' dates, `languages` what is known of theirs; both count UNKNOWN. `extracted` are kept pages by
    what took their text out, in `union` the one that won, `extract_scores` the sums of their scores. `spans`
    are the figures of repeated passages, where they were cut; `edits` say what rules that edit took, by type, reason
    and unit; `against` says what went for documents of each corpus made before (`dedup.against`), `division` how
    examples were divided (`examples_division`).
    """

    dropped_by_source: Counter[str] = field(default_factory=Counter)
    kept_by_source: Counter[str] = field(default_factory=Counter)
    bytes_by_source: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    licenses: Counter[str] = field(default_factory=Counter)
    length_classes: Counter[int] = field(default_factory=Counter)
    dropped_of_source: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    bytes_dropped: Counter[str] = field(default_factory=Counter)
    bytes_by_license: Counter[str] = field(default_factory=Counter)
    years: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    kept_samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    contamination: list[dict[str, Any]] = field(default_factory=list)
    spans: dict[str, Any] | None = None
    edits: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    against: dict[str, dict[str, Any]] = field(default_factory=dict)
    extracted: Counter[str] = field(default_factory=Counter)
    extract_scores: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    division: dict[str, Any] = field(default_factory=dict)
    repeated_ids: int = 0
    bytes_kept: int = 0
    held_out_documents: int = 0
    held_out_bytes: int = 0
    test_documents: int = 0
    test_bytes: int = 0
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
        """Documents and records that left: the columns of the dropped, and `size_bytes` where they were documents."""
        self.dropped_by_source += _counted(table, "source")
        counts = _counted(table, "reason")
        self.dropped += counts
        pairs = Counter(zip(*(table.column(name).to_pylist() for name in ("source", "reason")), strict=True))
        for (source, reason), count in pairs.items():
            self.dropped_of_source[str(source)][str(reason)] += count
        if "size_bytes" in table.column_names:
            self.bytes_dropped += _summed(table, "reason")
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
        self.kept_by_source += (counts := _counted(table, "source"))
        self.bytes_by_source += _summed(table, "source")
        self.bytes_kept += int(sizes.sum())
        for size_class, count in Counter(np.frexp(sizes)[1].tolist()).items():
            self.length_classes[size_class] += count
        self.licenses += _counted(table, "license")
        self.bytes_by_license += _summed(table, "license")
        if "language" in table.column_names:
            self.languages += _counted(table, "language")
        if "extractor" in table.column_names:
            self._add_extractors(table)
        for date, count in _counted(table, "date").items():
            self.years[date if date == UNKNOWN else date[:YEAR_CHARS]] += count
        split = np.array(table.column("split").to_pylist())
        self.held_out_documents += int((split == "held_out").sum())
        self.held_out_bytes += int(sizes[split == "held_out"].sum())
        self.test_documents += int((split == "test").sum())
        self.test_bytes += int(sizes[split == "test"].sum())
        dates: Any = pc.min_max(table.column("date")).as_py()
        if dates["min"] is not None:
            self.earliest_date = min(self.earliest_date or dates["min"], dates["min"])
            self.latest_date = max(self.latest_date or dates["max"], dates["max"])
        self._take_samples(table, counts)

    def _add_extractors(self, table: pa.Table) -> None:
        found = table.select(["extractor", "extract_score"]).filter(table.column("extractor").is_valid())
        self.extracted += _counted(found, "extractor")
        sums = found.group_by("extractor").aggregate([("extract_score", "sum")]).to_pylist()
        for row in sums:
            if row["extract_score_sum"] is not None:
                self.extract_scores[row["extractor"]].append(row["extract_score_sum"])

    def _take_samples(self, table: pa.Table, counts: Counter[str]) -> None:
        """The first documents of each source: a sample by chance, since they come in the order of their digests."""
        wanting = [name for name in counts if len(self.kept_samples[name]) < SAMPLES_PER_SOURCE]
        if not wanting or "locator" not in table.column_names:
            return
        sources = np.array(table.column("source").to_pylist())
        for name in wanting:
            wanted = SAMPLES_PER_SOURCE - len(self.kept_samples[name])
            for place in np.flatnonzero(sources == name)[:wanted].tolist():
                (row,) = table.slice(place, 1).to_pylist()
                self.kept_samples[name].append(
                    Sample(name, row["locator"], shown(content_of(row))[:SHOWN_CHARS])
                )

    def metrics(self) -> dict[str, object]:
        """What the step reports; documents_read = documents_kept + the sum of dropped."""
        return {
            "documents_read": self.read,
            "documents_kept": self.kept,
            "bytes_kept": self.bytes_kept,
            "dropped": dict(sorted(self.dropped.items())),
            "held_out_documents": self.held_out_documents,
            "held_out_bytes": self.held_out_bytes,
            **({"test_documents": self.test_documents} if self.test_documents else {}),
            **({"bytes_cut": self.spans["bytes_cut"]} if self.spans is not None else {}),
        }

    def _extractors(self) -> dict[str, dict[str, float]]:
        """Kept pages of each extractor, and the mean of their scores."""
        return {
            name: {"documents": count, "mean_score": round(math.fsum(self.extract_scores[name]) / count, 4)}
            for name, count in sorted(self.extracted.items())
        }

    def figures(self, counts: list[RowCount], formats: dict[str, list[str]]) -> dict[str, object]:
        """Everything counted, for `figures.json`; `counts` are the sources' rows, `formats` what was detected."""
        return {
            **self.metrics(),
            **self.division,
            "test_bytes": self.test_bytes,
            **({"contamination": self.contamination} if self.contamination else {}),
            **({"spans": self.spans} if self.spans is not None else {}),
            **({"edits": self.edits} if self.edits else {}),
            **({"against": self.against} if self.against else {}),
            **({"extractors": self._extractors()} if self.extracted else {}),
            "sources": {
                name: {
                    "read": self.read_by_source[name],
                    "kept": self.kept_by_source[name],
                    "bytes_kept": self.bytes_by_source[name],
                    "detected": formats.get(name, []),
                    "dropped": dict(sorted(self.dropped_of_source[name].items())),
                }
                for name in sorted(self.read_by_source)
            },
            "bytes_dropped": dict(sorted(self.bytes_dropped.items())),
            "repeated_ids": self.repeated_ids,
            "licenses": dict(sorted(self.licenses.items())),
            "bytes_by_license": dict(sorted(self.bytes_by_license.items())),
            "languages": dict(sorted(self.languages.items())),
            "years": dict(sorted(self.years.items())),
            "dates": {"earliest": self.earliest_date, "latest": self.latest_date},
            "length_classes": {str(2**key): count for key, count in sorted(self.length_classes.items())},
            "bad_rows": {
                count.source: [describe(row) for row in count.first_bad] for count in counts if count.bad
            },
            "dropped_samples": _listed(self.samples),
            "kept_samples": _listed(self.kept_samples),
        }


def _listed(samples: dict[str, list[Sample]]) -> dict[str, list[dict[str, str]]]:
    return {
        name: [{"source": each.source, "detail": each.detail, "text": each.text} for each in chosen]
        for name, chosen in sorted(samples.items())
    }


def _counted(table: pa.Table, column: str) -> Counter[str]:
    """How often each value of `column` is there; nulls count as UNKNOWN."""
    counts: Any = table.column(column).value_counts()
    return Counter({row["values"] or UNKNOWN: row["counts"] for row in counts.to_pylist()})


def _summed(table: pa.Table, column: str) -> Counter[str]:
    """The `size_bytes` of each value of `column`; those of nulls count as UNKNOWN, and null sizes not at all."""
    rows = table.group_by(column).aggregate([("size_bytes", "sum")]).to_pylist()
    return Counter({row[column] or UNKNOWN: row["size_bytes_sum"] or 0 for row in rows})
