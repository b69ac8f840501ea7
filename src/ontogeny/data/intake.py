"""The worker's side of curation: one unit of input, read once, into portions.

    records -> normalise -> edits, with signals on the way -> portions, each sorted by digest

A unit whose reading was killed goes on after its last portion. Nothing here depends on which other units there are, so
neither workers nor machines can change what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from filelock import FileLock

from ontogeny.core.files import canonical_json, digest_json, read_json, write_atomic
from ontogeny.data.dedup.groups import near_groups
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.document import (
    Content,
    Conversation,
    Document,
    MultipleChoice,
    Rejected,
    Shape,
    Text,
    make_doc_id,
    side_of,
    to_row,
)
from ontogeny.data.normalise import Normalise, normalise
from ontogeny.data.portions import Portion, portions_in, signals_name, stored_schema, write_portion
from ontogeny.data.rules import Need, Rule, edit, edits_among, needs_of
from ontogeny.data.signals.size import SIZE
from ontogeny.data.sources.files import Reading, Unit
from ontogeny.data.texts import Texts
from ontogeny.records.accounting import RowCount
from ontogeny.records.row import BadRow, Fault

if TYPE_CHECKING:
    from ontogeny.data.signals.group import Columns, SignalGroup, Stored

EMPTY = "empty"
PORTION_BYTES = 8 << 20
"""Text of a portion: what a worker holds at once, and what a kill may cost."""
PORTION_ROWS = 1 << 16
REPORT_RECORDS = 256
SUMMARY, LOCK = "unit.json", ".lock"
VERSION = 1
"""Raised whenever reading changes what portions hold."""

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
    """One unit to be read into `folder`. Everything in it can be sent to another process."""

    source: str
    unit: Unit
    read: Read
    intake: Intake
    folder: Path
    max_bad_fraction: float = 1.0


@dataclass(frozen=True)
class UnitRead:
    """What came of a unit: its portions, and the count of its rows."""

    portions: tuple[Portion, ...]
    reading: Reading


def read_unit(job: UnitJob, report: Callable[[int], None] = lambda position: None) -> UnitRead:
    """Read what is not yet read of a unit; `report` is told how many bytes of it are done.

    A unit whose rows are all bad is given up early where so many are not allowed, and not remembered as read.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(job.folder / LOCK):
        done = _read_locked(job, report)
    done.reading.file = None  # it is read, and no process can send an open file to another
    return done


def _read_locked(job: UnitJob, report: Callable[[int], None]) -> UnitRead:
    summary = job.folder / SUMMARY
    if summary.exists():
        return UnitRead(tuple(portions_in(job.folder)), _to_reading(read_json(summary)))
    portions = portions_in(job.folder)
    done = sum(portion.counts["records"] for portion in portions)
    reading = Reading(RowCount(job.source))
    records = job.read(job.unit, reading)
    for _ in islice(records, done):
        pass
    while batch := _next_batch(records, job, reading, report):
        position = reading.position
        portions.append(_store(job, batch, position, job.folder / f"portion-{len(portions):05d}"))
        report(position)
        if _is_hopeless(job, reading):
            return UnitRead(tuple(portions), reading)
    write_atomic(summary, canonical_json(_to_json(reading)) + b"\n")
    return UnitRead(tuple(portions), reading)


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
    """Whether all of the unit lies in portions."""
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


def _next_batch(
    records: Iterator[Document | Rejected], job: UnitJob, reading: Reading, report: Callable[[int], None]
) -> list[Document | Rejected]:
    """The next records, up to the size of a portion."""
    batch: list[Document | Rejected] = []
    size = 0
    for record in records:
        batch.append(record)
        if isinstance(record, Document) and isinstance(record.content, Text):
            size += len(record.content.text)
        if size >= PORTION_BYTES or len(batch) >= PORTION_ROWS or _is_hopeless(job, reading):
            break
        if not len(batch) % REPORT_RECORDS:
            report(reading.position)
    return batch


def _is_hopeless(job: UnitJob, reading: Reading) -> bool:
    return job.max_bad_fraction < 1 and reading.count.hopeless


def _store(job: UnitJob, records: list[Document | Rejected], position: int, folder: Path) -> Portion:
    import pyarrow as pa

    intake = job.intake
    rejected: list[dict[str, Any]] = []
    documents: list[Document] = []
    for record in records:
        if isinstance(record, Rejected):
            rejected.append(_rejected_row(record))
            continue
        document = replace(record, content=_normalised(record.content, intake.normalise))
        if isinstance(document.content, Text) and not document.content.text.strip():
            rejected.append({**to_row(document), **_why(EMPTY, "nothing but white space")})
        else:
            documents.append(document)
    signals: dict[str, Stored] = {}
    edits: Columns = {}
    if intake.shape == "text":
        documents, signals, edits = _edited(documents, intake)
    table = pa.Table.from_pylist(
        [to_row(document) for document in documents], schema=stored_schema(intake.shape)
    )
    counts = {"records": len(records), "documents": len(documents), "position": position}
    return write_portion(folder, intake.shape, table, rejected, counts, signals=signals, edits=edits)


def _edited(documents: list[Document], intake: Intake) -> tuple[list[Document], dict[str, Stored], Columns]:
    """`documents` after the edits, the signals that are needed at each point, and what edits did."""
    rules, needs = intake.rules, intake.needs
    if not (rules or needs):
        return documents, {}, {}
    texts = Texts.of([document.content.text for document in documents if isinstance(document.content, Text)])
    last = len(edits_among(rules))
    signals: dict[str, Stored] = {}
    columns: Columns = {}
    for number, rule in enumerate([None, *edits_among(rules)]):
        if rule is not None:
            edited = edit(texts, rule)
            texts, columns = edited.texts, {**columns, **edited.columns}
        groups = [need.group for need in needs if need.edits == number]
        for group, stored in _computed(groups, texts):
            signals[signals_name(group, edits_left=last - number)] = stored
    if last:
        documents = [
            replace(document, content=Text(text))
            for document, text in zip(documents, texts.strings(), strict=True)
        ]
    return documents, signals, columns


def _computed(groups: list[SignalGroup], texts: Texts) -> Iterator[tuple[SignalGroup, Stored]]:
    """The columns of each group; those of words and repetition come from one pass."""
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


def _normalised(content: Content, config: Normalise) -> Content:
    match content:
        case Text(text):
            return Text(normalise(text, config))
        case Conversation(messages):
            return Conversation(
                tuple(replace(turn, content=normalise(turn.content, config)) for turn in messages)
            )
        case MultipleChoice(prompt, context, choices, gold):
            return MultipleChoice(
                normalise(prompt, config),
                normalise(context, config),
                tuple(normalise(choice, config) for choice in choices),
                gold,
            )


def _rejected_row(record: Rejected) -> dict[str, Any]:
    """A row of the rejected; the record's locator stands in for the id it never got."""
    doc_id = make_doc_id(record.source, record.locator)
    return {
        "doc_id": doc_id,
        "group": doc_id,
        "source": record.source,
        "locator": record.locator,
        "text": record.sample,
        "side": side_of(doc_id),
        **_why(record.reason, record.detail),
    }


def _why(reason: str, detail: str) -> dict[str, Any]:
    return {"reason": reason, "score": None, "detail": detail}


def _to_json(reading: Reading) -> dict[str, Any]:
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


def _row_to_json(row: BadRow) -> dict[str, Any]:
    return {
        "reason": row.reason.value,
        "detail": row.detail,
        "number": row.number,
        "locator": row.locator,
        "sample": row.sample,
    }


def _to_reading(data: dict[str, Any]) -> Reading:
    count = RowCount(data["source"])
    count.good, count.bad = data["good"], data["bad"]
    count.reasons.update(data["reasons"])
    count.first_bad = [_to_row(row) for row in data["first_bad"]]
    count.cut_short = [_to_row(row) for row in data["cut_short"]]
    return Reading(count, data["detected"])


def _to_row(data: dict[str, Any]) -> BadRow:
    return BadRow(Fault(data["reason"]), data["detail"], data["number"], data["locator"], data["sample"])
