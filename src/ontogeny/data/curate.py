"""The way of every document: read, normalised, judged, ordered by digest, deduplicated, split, written.

    records -> normalise -> rules -> sort by digest -> duplicates -> part-*.parquet
                    every record that leaves on the way -> dropped.parquet, with its reason

Nothing depends on the order in which records come, so neither files, workers nor machines can change the result.
Memory is bounded by the sort (see `records.external_sort`). The pass leaves nothing to resume from: after a kill it
starts again.

Rules see text only; labelled rows are normalised and deduplicated, and judged by the source that reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ontogeny.core.errors import DataError
from ontogeny.data.dedup.exact import find_duplicates, sort_key
from ontogeny.data.document import (
    HELD_OUT_FRACTION,
    Content,
    Conversation,
    Document,
    MultipleChoice,
    Rejected,
    Shape,
    Text,
    content_bytes,
    dropped_schema_of,
    make_doc_id,
    schema_of,
    shown,
    split_of,
    to_row,
)
from ontogeny.data.normalise import Normalise, normalise
from ontogeny.data.rules import Rule, judge
from ontogeny.data.rules.drop import Drop
from ontogeny.data.tally import Tally
from ontogeny.records.conversations import Message
from ontogeny.records.external_sort import MEMORY_BYTES, ExternalSort, Stored, text_bytes
from ontogeny.records.parts import write_parts, write_single
from ontogeny.records.row import SAMPLE_CHARS

EMPTY = "empty"

REMEDIES = {
    EMPTY: "look at the text column: `columns: {text: ...}` may name the wrong one",
    "too_short": "lower `min_chars` or `min_bytes` of the length rule",
    "too_long": "raise `max_chars` or `max_bytes` of the length rule",
}


@dataclass(frozen=True)
class Treatment:
    """What happens to documents of one shape on their way."""

    shape: Shape = "text"
    normalise: Normalise = field(default_factory=Normalise)
    rules: tuple[Rule, ...] = ()
    drop_exact: bool = True
    held_out_fraction: float = HELD_OUT_FRACTION


def curate(
    records: Iterable[Document | Rejected],
    treatment: Treatment,
    *,
    payload: Path,
    scratch: Path,
    advance: Callable[[], None] = lambda: None,
    memory_bytes: int = MEMORY_BYTES,
) -> Tally:
    """Write the documents among `records` as parts, and the others as `dropped.parquet`, into `payload`.

    Args:
        scratch: where sorting spills; its folders `kept` and `dropped` are emptied.
        advance: called once a record read.

    Raises:
        DataError: no document is left, or none for training; or, our own mistake, the sums do not close.
    """
    tally = Tally()
    kept = ExternalSort(scratch / "kept", schema_of(treatment.shape), sort_key, memory_bytes=memory_bytes)
    dropped = ExternalSort(
        scratch / "dropped", dropped_schema_of(treatment.shape), _dropped_key, memory_bytes=memory_bytes
    )
    bin = _Bin(dropped, tally)
    for record in records:
        tally.add_read(record.source)
        advance()
        if isinstance(record, Rejected):
            bin.put(
                _rejected_row(record, treatment),
                Drop(record.reason, None, record.detail),
                shown=record.sample,
            )
            continue
        document = replace(record, content=_normalised(record.content, treatment.normalise))
        drop = _judge(document.content, treatment)
        row = to_row(document, treatment.held_out_fraction)
        if drop is None:
            kept.add(row, size_bytes=text_bytes(row))
        else:
            bin.put(row, drop, shown=shown(document.content))
    write_parts(payload, _survivors(kept, treatment, bin=bin, tally=tally), schema_of(treatment.shape))
    write_single(payload / "dropped.parquet", dropped.merged(), dropped_schema_of(treatment.shape))
    _check(tally, treatment)
    return tally


class _Bin:
    """Where dropped rows go: to `dropped.parquet` in the end, and into the tally at once."""

    def __init__(self, sort: ExternalSort, tally: Tally) -> None:
        self._sort, self._tally = sort, tally

    def put(self, row: Stored, drop: Drop, *, shown: str) -> None:
        stored = {**row, "reason": drop.reason, "score": drop.score, "detail": drop.detail}
        self._sort.add(stored, size_bytes=text_bytes(row))
        self._tally.add_dropped(str(row["source"]), drop, sample=shown[:SAMPLE_CHARS])


def _survivors(kept: ExternalSort, treatment: Treatment, *, bin: _Bin, tally: Tally) -> Iterator[Stored]:
    for row, drop, new_id in find_duplicates(kept.merged(), drop_exact=treatment.drop_exact):
        if drop is not None:
            bin.put(row, drop, shown=shown(content_of(row)))
            continue
        tally.repeated_ids += new_id
        tally.add_kept(row, size_bytes=content_size(row))
        yield row


def content_size(row: Stored) -> int:
    """UTF-8 bytes of what a row of any shape says."""
    return content_bytes(content_of(row))


def content_of(row: Stored) -> Content:
    """The content of a row as `to_row` wrote it."""
    match row:
        case {"text": str(text)}:
            return Text(text)
        case {"messages": list(messages)}:
            return Conversation(tuple(Message(turn["role"], turn["content"]) for turn in messages))
        case {"prompt": str(prompt), "context": str(context), "choices": list(choices), "gold": int(gold)}:
            return MultipleChoice(prompt, context, tuple(choices), gold)
    raise ValueError(f"a row with the columns {', '.join(row)} holds no content")


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


def _judge(content: Content, treatment: Treatment) -> Drop | None:
    if not isinstance(content, Text):
        return None
    if not content.text.strip():
        return Drop(EMPTY, 0.0, "nothing but white space")
    return next((drop for rule in treatment.rules if (drop := judge(content.text, rule)) is not None), None)


def _rejected_row(record: Rejected, treatment: Treatment) -> Stored:
    """A row of the dropped schema; the record's locator stands in for the id it never got."""
    doc_id = make_doc_id(record.source, record.locator)
    return {
        "doc_id": doc_id,
        "group": doc_id,
        "split": split_of(doc_id, treatment.held_out_fraction),
        "source": record.source,
        "locator": record.locator,
        "text": record.sample,
    }


def _dropped_key(row: Stored) -> tuple[str, ...]:
    return (str(row["reason"]), str(row.get("digest") or ""), str(row["doc_id"]), str(row["locator"]))


def _check(tally: Tally, treatment: Treatment) -> None:
    if tally.read != tally.kept + tally.dropped.total():
        raise DataError(
            f"{tally.read:,} documents were read, but {tally.kept:,} kept and {tally.dropped.total():,} dropped do not"
            " add up to that",
            hint="this is a mistake of ours: please report it with the recipe",
        )
    if tally.kept == 0:
        if not tally.read:
            raise DataError("the sources hold no document", hint="look at their paths")
        reason, count = tally.dropped.most_common(1)[0]
        raise DataError(
            f"of {tally.read:,} documents none is left; {count:,} were dropped as {reason}",
            hint=REMEDIES.get(reason, "look at what the sources hold and at the rules of this step"),
        )
    if tally.kept == tally.held_out_documents and treatment.held_out_fraction < 1:
        raise DataError(
            f"all {tally.kept:,} documents fall into the held-out split, none is left to train on",
            hint="lower `held_out_fraction`, or give more groups: the split never divides a group",
        )
