"""Looking for items in what a model has learnt from: the parts of a finished corpus, or of examples.

A rule of curation decides which documents go (`corpus`); this only looks, with the same closer look and the same
bounds, and shows the words. One pass reads the text for any number of indices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.data.decontaminate.corpus import LEAST_HITS, Finding, Gathered, judge_matches
from ontogeny.data.decontaminate.index import CONTEXT, QUESTION, Entry, OverlapIndex, count_hits
from ontogeny.data.decontaminate.match import span_in
from ontogeny.data.document import Conversation, LabelledText, MultipleChoice, Text, content_of
from ontogeny.data.rules.decontaminate import CONTAMINATED, Decontaminate
from ontogeny.data.texts import Texts
from ontogeny.records.parts import part_paths

if TYPE_CHECKING:
    import pyarrow as pa

TRAIN = "train"
NAMES = ("doc_id", "source", "split", "digest")
CONTENT = ("text", "labels", "messages", "prompt", "context", "choices", "gold")


@dataclass(frozen=True)
class Sighting:
    """An item of an index in a document: how much of it (`share` of its word trigrams), and the words as they stand.

    `verdict` is `contaminated`, or `context_only` where only the item's passage is there. `answer`: whether a right
    answer stands near.
    """

    item: int
    verdict: str
    share: float
    answer: bool
    document: str
    source: str
    words: str


@dataclass(frozen=True)
class Searched:
    """What was read for an index (documents, and bytes of text), and what was found of it."""

    documents: int
    bytes: int
    sightings: tuple[Sighting, ...]


def search(
    folder: Path,
    indices: Sequence[OverlapIndex],
    rule: Decontaminate,
    *,
    advance: Callable[[int], object] = lambda done: None,
) -> list[Searched]:
    """Read the training documents in `folder` once, and tell for each index what of it is there.

    Args:
        rule: its bounds are used; its files are not read.
        advance: is told how many documents more are done, of `documents_in(folder)`.
    """
    gathered = [Gathered(index) for index in indices]
    groups: list[_Group] = []
    documents, size, place = 0, 0, 0
    for group in _groups(folder):
        texts, about = group.read()
        for one in gathered:
            for row in np.flatnonzero(count_hits(texts, one.index) >= LEAST_HITS).tolist():
                one.look(place + row, texts, row, about.column("digest")[row].as_py())
        groups.append(group)
        group.first, place = place, place + len(texts)
        documents, size = documents + len(texts), size + len(texts.data)
        advance(group.documents)
    return [Searched(documents, size, tuple(_sightings(one, _judged(one, rule), groups))) for one in gathered]


def documents_in(folder: Path) -> int:
    """How many documents there are, the held-out ones too."""
    return sum(group.documents for group in _groups(folder))


def _judged(one: Gathered, rule: Decontaminate) -> tuple[Finding, ...]:
    return judge_matches(one.matches, rule, one.index, one.spread <= rule.max_documents)


def _sightings(one: Gathered, findings: Sequence[Finding], groups: Sequence[_Group]) -> Iterator[Sighting]:
    """The findings with the words of their documents, which are read once more; in the order of documents."""
    entries = _entries(one.index)
    by_place = sorted(findings, key=lambda finding: finding.place)
    starts = [*(group.first for group in groups), np.inf]
    for group, (first, beyond) in zip(groups, pairwise(starts), strict=True):
        here = [finding for finding in by_place if first <= finding.place < beyond]
        if not here:
            continue
        texts, about = group.read()
        for finding in here:
            row = finding.place - group.first
            role = QUESTION if finding.verdict == CONTAMINATED else CONTEXT
            start, end = span_in(
                texts.data, int(texts.offsets[row]), int(texts.offsets[row + 1]), entries[finding.item, role]
            )
            yield Sighting(
                finding.item, finding.verdict, finding.share, finding.answer,
                about.column("doc_id")[row].as_py(), about.column("source")[row].as_py(),
                texts.data[start:end].tobytes().decode(errors="replace"),
            )  # fmt: skip


def _entries(index: OverlapIndex) -> dict[tuple[int, int], list[Entry]]:
    """The texts that are looked for, by item and role."""
    found: dict[tuple[int, int], list[Entry]] = {}
    for entry in index.entries:
        found.setdefault((entry.item, entry.role), []).append(entry)
    return found


@dataclass
class _Group:
    """A row group of a part; `first` is the place of its first document."""

    path: Path
    number: int
    documents: int
    first: int = 0

    def read(self) -> tuple[Texts, pa.Table]:
        """The texts of its training documents, and what else is known of each."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            content = [name for name in CONTENT if name in file.schema_arrow.names]
            table = file.read_row_group(self.number, columns=[*NAMES, *content])
        table = table.filter(pc.equal(table.column("split"), pa.scalar(TRAIN)))
        if content == ["text"]:
            return Texts.of_arrow(table.column("text")), table
        return Texts.of([_told(row) for row in table.select(content).to_pylist()]), table


def _groups(folder: Path) -> Iterator[_Group]:
    import pyarrow.parquet as pq

    for path in part_paths(folder):
        with pq.ParquetFile(path) as file:
            sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        yield from (_Group(path, number, size) for number, size in enumerate(sizes))


def _told(row: Mapping[str, Any]) -> str:
    """Everything that an example says, answers behind questions."""
    match content_of(row):
        case Text(text):
            return text
        case LabelledText(text, labels):
            return "\n".join([text, *labels])
        case Conversation(messages):
            return "\n\n".join(message.content for message in messages)
        case MultipleChoice(prompt, context, choices, _):
            return "\n".join([*((context,) if prompt in context else (prompt, context)), *choices])
