"""The worker's side of curation: a few units of input, read once, into portions.

    records -> normalise -> edits, with signals on the way -> portions, each sorted by digest

A job whose reading was killed goes on after its last portion: inside a file, where the file's reader can begin there.
Nothing here depends on which other jobs there are, so neither workers nor machines can change what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from filelock import FileLock

from ontogeny.core.compiled import start_numba
from ontogeny.core.files import canonical_json, digest_json, read_json, write_atomic
from ontogeny.data.batch import Batch
from ontogeny.data.dedup.groups import near_groups
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.document import Document, Rejected, Shape, side_of
from ontogeny.data.normalise import Normalise
from ontogeny.data.portions import Portion, portions_in, signals_name, write_portion
from ontogeny.data.rules import Need, Rule, edit, edits_among, needs_of
from ontogeny.data.signals.size import SIZE
from ontogeny.data.sources.files import Reading, Unit
from ontogeny.data.stream import Stream, reading_from_json, reading_to_json
from ontogeny.data.texts import Texts

if TYPE_CHECKING:
    from ontogeny.data.signals.group import SignalGroup, Stored

PORTION_BYTES = 2 << 20
"""Text of a portion: what a kill may cost. While its signals are computed a worker holds some thirty times as much."""
PORTION_ROWS = 1 << 16
REPORT_RECORDS = 256
SUMMARY, LOCK = "unit.json", ".lock"
VERSION = 6
"""Raised whenever reading changes what portions hold."""

BUNDLE_BYTES = 2 << 20
"""Units smaller than this are read together, about so many bytes a job."""
BUNDLE_UNITS = 256
"""And about so many units."""
BUNDLE_BOUND = 4
"""No bundle has more than so many times either."""

Read: TypeAlias = Callable[[Unit, Reading], Iterator[Document | Rejected]]


@dataclass(frozen=True)
class Intake:
    """How documents are treated while they are read. `rules` are the recipe's: edits, and what the others need."""

    shape: Shape = "text"
    normalise: Normalise = field(default_factory=Normalise)
    rules: tuple[Rule, ...] = ()
    near: NearDedup | None = None

    @property
    def needs(self) -> list[Need]:
        """The signals to be computed, and of which state of the text."""
        if self.shape != "text":
            return []
        last = len(edits_among(self.rules))
        always = [SIZE, *(near_groups(self.near) if self.near is not None else [])]
        return list(dict.fromkeys([*needs_of(self.rules), *(Need(group, last) for group in always)]))


@dataclass(frozen=True)
class UnitJob:
    """Units of one source to be read, one after the other, into `folder`. All of it can be sent to another process."""

    source: str
    units: tuple[Unit, ...]
    read: Read
    intake: Intake
    folder: Path
    max_bad_fraction: float = 1.0

    @property
    def size_bytes(self) -> int:
        """Bytes of all its units."""
        return sum(unit.size_bytes for unit in self.units)


@dataclass(frozen=True)
class UnitRead:
    """What came of a job: its portions, and the count of its rows."""

    portions: tuple[Portion, ...]
    reading: Reading


def read_unit(job: UnitJob, report: Callable[[int], None] = lambda position: None) -> UnitRead:
    """Read what is not yet read of a job's units; `report` is told how many bytes of them are done.

    A source whose rows are all bad is given up early where so many are not allowed, and not remembered as read.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(job.folder / LOCK):
        return _read_locked(job, report)


def _read_locked(job: UnitJob, report: Callable[[int], None]) -> UnitRead:
    summary = job.folder / SUMMARY
    portions = portions_in(job.folder)
    if summary.exists():
        return UnitRead(tuple(portions), reading_from_json(read_json(summary)))
    stream = Stream(job.source, job.units, job.read)
    if portions:
        stream.go_on(portions[-1].counts["resume"])
    while (batch := _next_batch(stream, job, report)).records:
        position = stream.position
        counts = {"records": batch.records, "position": position, "resume": stream.resume()}
        portions.append(_store(job, batch, counts, job.folder / f"portion-{len(portions):05d}"))
        report(position)
        if _is_hopeless(job, stream):
            return UnitRead(tuple(portions), stream.total())
    total = stream.total()
    write_atomic(summary, canonical_json(reading_to_json(total)) + b"\n")
    return UnitRead(tuple(portions), total)


def bundled(units: Sequence[Unit], keys: Sequence[str]) -> Iterator[list[int]]:
    """The positions of `units` in groups that are read together: small ones, since each group costs some files.

    A unit ends its group by a chance as large as its part of BUNDLE_BYTES, or of BUNDLE_UNITS, told by its key: so a
    file more or less changes the group where it stands and no other, and what the others hold need not be read again.
    """
    group: list[int] = []
    size = 0
    for number, (unit, key) in enumerate(zip(units, keys, strict=True)):
        if unit.size_bytes >= BUNDLE_BYTES and group:
            yield group
            group, size = [], 0
        group.append(number)
        size += unit.size_bytes
        chance = unit.size_bytes / BUNDLE_BYTES + 1 / BUNDLE_UNITS
        full = size >= BUNDLE_BOUND * BUNDLE_BYTES or len(group) >= BUNDLE_BOUND * BUNDLE_UNITS
        if full or side_of(key) < chance:
            yield group
            group, size = [], 0
    if group:
        yield group


def bundle_key(keys: Sequence[str]) -> str:
    """The name of the portions of units that are read together, by the keys of each."""
    return keys[0] if len(keys) == 1 else digest_json(list(keys))


def unit_key(unit: Unit, content: Sequence[str], settings: object, intake: Intake) -> str:
    """The name of a unit's portions: a digest of what is read (`content`, its files' digests) and how.

    Only what changes portions counts: edits do, other rules only by signals they need of a text before an edit.
    """
    edits = edits_among(intake.rules)
    early = [
        signals_name(need.group, edits_left=len(edits) - need.edits)
        for need in intake.needs
        if need.edits < len(edits)
    ]
    how = [VERSION, repr(settings), intake.shape, repr(intake.normalise), repr(edits), early]
    return digest_json([str(unit.path), repr(unit.part), list(content), *how])


def is_read(job: UnitJob) -> bool:
    """Whether all of it lies in portions."""
    return (job.folder / SUMMARY).exists()


def missing_signals(portion: Portion, intake: Intake) -> list[SignalGroup]:
    """What is needed of a portion's final text and no one has computed yet."""
    edits = len(edits_among(intake.rules))
    groups = [need.group for need in intake.needs if need.edits == edits]
    return [group for group in groups if not portion.has(group)]


def add_signals(portion: Portion, intake: Intake) -> None:
    """Compute what is missing; reads the texts only then."""
    missing = missing_signals(portion, intake)
    if missing:
        texts = portion.texts()
        for group, columns in _computed(missing, texts):
            portion.add_signals(group, columns)


def _next_batch(stream: Stream, job: UnitJob, report: Callable[[int], None]) -> Batch:
    """The next records, up to the size of a portion."""
    batch = Batch(job.intake.shape, job.intake.normalise)
    for record in stream:
        batch.add(record)
        if batch.size >= PORTION_BYTES or batch.records >= PORTION_ROWS or _is_hopeless(job, stream):
            break
        if not batch.records % REPORT_RECORDS:
            report(stream.position)
    return batch


def _is_hopeless(job: UnitJob, stream: Stream) -> bool:
    return job.max_bad_fraction < 1 and stream.hopeless


def _store(job: UnitJob, batch: Batch, counts: dict[str, Any], folder: Path) -> Portion:
    intake = job.intake
    texts = batch.texts()
    signals: dict[str, Stored] = {}
    edits: Stored = {}
    if intake.shape == "text":
        texts, signals, edits = _edited(texts, intake)
    table = batch.table(texts)
    counts = {**counts, "documents": len(table)}
    return write_portion(folder, intake.shape, table, batch.rejected, counts, signals=signals, edits=edits)


def _edited(texts: Texts, intake: Intake) -> tuple[Texts, dict[str, Stored], Stored]:
    """`texts` after the edits, the signals that are needed at each point, and what edits did."""
    rules, needs = intake.rules, intake.needs
    last = len(edits_among(rules))
    signals: dict[str, Stored] = {}
    columns: Stored = {}
    for number, rule in enumerate([None, *edits_among(rules)]):
        if rule is not None:
            start_numba()
            edited = edit(texts, rule)
            texts, columns = edited.texts, {**columns, **edited.columns}
        groups = [need.group for need in needs if need.edits == number]
        for group, stored in _computed(groups, texts):
            signals[signals_name(group, edits_left=last - number)] = stored
    return texts, signals, columns


def _computed(groups: list[SignalGroup], texts: Texts) -> Iterator[tuple[SignalGroup, Stored]]:
    """The columns of each group; those of words and repetition come from one pass."""
    if any(group != SIZE for group in groups):
        start_numba()
    together: list[SignalGroup] = []
    if {"words", "repetition"} <= {group.name for group in groups}:
        from ontogeny.data.signals.words import compute_together

        together = [group for group in groups if group.name in ("words", "repetition")]
        columns = compute_together(together, texts)
        for group in together:
            yield group, {name: columns[name] for name in group.columns}
    for group in groups:
        if group not in together:
            yield group, group.compute(texts)
