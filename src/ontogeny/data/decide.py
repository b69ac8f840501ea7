"""Deciding over portions: which documents stay, and why the others go. No text is read.

Every document has a place (portion, row) and a few numbers: 55 bytes, and 64 at most with what ordering and judging
take for a while. The columns that rules need are read portion by portion. The order of everything is that of
digests, so nothing depends on how the input was divided.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ontogeny.data.batch import EMPTY
from ontogeny.data.order import NONE, Keys, Order, blocks, corpus_order, permute, places_in
from ontogeny.data.portions import EDITS, Portion, hex_keys, signals_name
from ontogeny.data.rules import RULES, Need, Rule, edits_among, judge
from ontogeny.data.signals.group import Columns

KEPT = -1
OLD = -2
"""For a reason: a document of a corpus made before, for which others may go. It stays there and is not written here."""


@dataclass(frozen=True)
class Reason:
    """Why documents go: a name from a small fixed set, and what follows the score in the detail."""

    name: str
    says: str = ""


class Place(NamedTuple):
    """A column of a portion: its file, and its name there."""

    file: str
    column: str


@dataclass(frozen=True)
class OldCorpus:
    """A corpus made before: its name, and the numbers of the portions that hold its documents."""

    name: str
    portions: range


NOTHING_LEFT = Reason(EMPTY, "nothing is left after edits")


@dataclass(eq=False)
class Decisions:
    """What becomes of n documents, in the order of a corpus (`data.order`).

    `signals` names the columns that rules decided over, and says where in a portion each is; of a text before its last
    edits, `NAME@K` is what NAME was after K edits, where NAME itself was needed later too.
    `portion` and `row` (n,) lead to the document; `reason` (n,) int16 is KEPT, OLD or a position in `reasons`; `score`
    (n,) float64 is nan where no number decided; `keeper` (n,) int32 is the position of the document that stays in its
    place, or -1; `renamed` (n,) bool marks those kept under a new id. `old` are the corpora that documents are held
    against; their portions follow each other.
    """

    portions: Sequence[Portion]
    signals: Mapping[str, Place]
    portion: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]
    digest: npt.NDArray[np.uint64]
    doc_id: npt.NDArray[np.uint64]
    reason: npt.NDArray[np.int16]
    score: npt.NDArray[np.float64]
    keeper: npt.NDArray[np.int32]
    renamed: npt.NDArray[np.bool_]
    reasons: list[Reason] = field(default_factory=list)
    split: npt.NDArray[np.int8] | None = None
    """(n,) positions in `document.SPLITS` where examples are divided by more than the side of their group."""
    relabelled: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Positions of examples to the labels that they have instead of their own."""
    old: Sequence[OldCorpus] = ()

    def __len__(self) -> int:
        return len(self.row)

    @property
    def old_portions(self) -> range:
        """The numbers of the portions of corpora made before."""
        return range(self.old[0].portions.start, self.old[-1].portions.stop) if self.old else NONE

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """(n,) True where a document stays."""
        kept: npt.NDArray[np.bool_] = self.reason == KEPT
        return kept

    @property
    def dropped(self) -> npt.NDArray[np.bool_]:
        """(n,) True where a document goes."""
        dropped: npt.NDArray[np.bool_] = self.reason > KEPT
        return dropped

    def drop(
        self,
        which: npt.NDArray[np.bool_],
        reason: Reason,
        *,
        score: npt.NDArray[np.float64] | None = None,
        keeper: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Drop those of `which` (n,) that are still kept."""
        places = np.flatnonzero(which & self.kept)
        scores = None if score is None else score[places]
        self.drop_at(places, reason, score=scores, keeper=None if keeper is None else keeper[places])

    def drop_at(
        self,
        places: npt.NDArray[np.int64],
        reason: Reason,
        *,
        score: npt.NDArray[np.floating[Any]] | None = None,
        keeper: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Drop those of the documents at `places` (k,) that are still kept; `score` and `keeper` (k,) are theirs."""
        open_ = self.reason[places] == KEPT
        places = places[open_]
        self.reason[places] = self.number_of(reason)
        if score is not None:
            self.score[places] = score[open_]
        if keeper is not None:
            self.keeper[places] = keeper[open_]

    def number_of(self, reason: Reason) -> int:
        """The position of `reason` in `reasons`, where it is put if need be."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason)


def decide(
    portions: Sequence[Portion],
    rules: Sequence[Rule],
    needs: Sequence[Need],
    against: Mapping[str, Sequence[Portion]] = MappingProxyType({}),
) -> Decisions:
    """The documents of `portions` as the first rule of `rules` that drops them decides.

    `needs` are the signals that stay with the documents. `against` are the portions of corpora made before, by name:
    their documents stand among the others and are not judged.
    """
    every = [*portions, *itertools.chain.from_iterable(against.values())]
    count = [portion.counts["documents"] for portion in every]
    total, judged = sum(count), sum(count[: len(portions)])
    old = _numbered(against, first=len(portions))
    portion = np.repeat(np.arange(len(every), dtype=np.int32), count)
    row = np.concatenate([np.arange(each, dtype=np.int32) for each in [0, *count]])
    digest, doc_id = _read_keys(every, count)
    order = corpus_order(digest, doc_id, portion, row, every, range(len(portions), len(every)))
    for column in (portion, row, *digest.T, *doc_id.T):
        permute(column, order)
    places = places_in(order)
    del order
    found = Decisions(
        every,
        _signals_of(rules, needs, portions),
        portion=portion,
        row=row,
        digest=digest,
        doc_id=doc_id,
        reason=np.full(total, KEPT, dtype=np.int16),
        score=np.full(total, np.nan, dtype=np.float64),
        keeper=np.full(total, -1, dtype=np.int32),
        renamed=np.zeros(total, dtype=np.bool_),
        old=old,
    )
    for each, here in _stretches(every, count):
        if here.start < judged:
            _judge_portion(found, each, places[here], rules)
        else:
            found.reason[places[here]] = OLD
    return found


def _numbered(against: Mapping[str, Sequence[Portion]], first: int) -> list[OldCorpus]:
    """The corpora of `against`, whose portions are numbered from `first` on."""
    old = []
    for name, portions in against.items():
        old.append(OldCorpus(name, range(first, first + len(portions))))
        first += len(portions)
    return old


def _stretches(portions: Sequence[Portion], count: Sequence[int]) -> Iterator[tuple[Portion, slice]]:
    """Each portion with documents, and where they stand among those of all."""
    for portion, length, end in zip(portions, count, itertools.accumulate(count), strict=True):
        if length:
            yield portion, slice(end - length, end)


def _read_keys(portions: Sequence[Portion], count: Sequence[int]) -> tuple[Keys, Keys]:
    """Digest and id of all documents, portion by portion."""
    digest, doc_id = np.empty((2, sum(count), 2), dtype=np.uint64)
    for portion, here in _stretches(portions, count):
        table = portion.documents(["digest", "doc_id"])
        digest[here], doc_id[here] = (hex_keys(table.column(name)) for name in table.column_names)
    return digest, doc_id


def _signals_of(
    rules: Sequence[Rule], needs: Sequence[Need], portions: Sequence[Portion]
) -> dict[str, Place]:
    last = len(edits_among(rules))
    signals: dict[str, Place] = {}
    for need in needs:
        later = any(other.group == need.group and other.edits > need.edits for other in needs)
        for column in need.group.columns:
            name = f"{column}@{need.edits}" if later else column
            signals[name] = Place(signals_name(need.group, last - need.edits), column)
    if last and portions:
        signals |= {name: Place(EDITS, name) for name in portions[0].edits()}
    return signals


def _judge_portion(found: Decisions, portion: Portion, places: Order, rules: Sequence[Rule]) -> None:
    """Judge the documents of `portion`, whose positions in the order of the corpus are `places`."""
    size = portion.documents(["size_bytes"]).column(0).to_numpy()
    reason = np.full(len(places), KEPT, dtype=np.int16)
    score = np.full(len(places), np.nan)
    reason[size == 0] = found.number_of(NOTHING_LEFT)
    last, edits = len(edits_among(rules)), 0
    columns: Columns = portion.edits()
    for rule in rules:
        known = RULES[rule.type]
        if known.edit is not None:
            edits += 1
            continue
        for group in known.groups(rule):
            columns |= portion.signals(group, last - edits)
        for name in known.about:
            columns[name] = np.array(portion.documents([name]).column(name).to_pylist(), dtype=object)
        judgement = judge(rule, columns)
        open_ = reason == KEPT
        for number, why in enumerate(map(Reason, judgement.reasons, judgement.says), start=1):
            hit = open_ & (judgement.code == number)
            if hit.any():
                reason[hit] = found.number_of(why)
                score[hit] = judgement.score[hit]
    found.reason[places], found.score[places] = reason, score


def put_in_order(found: Decisions) -> npt.NDArray[np.int64]:
    """Order `found` as a corpus is; the new position (n,) of each document."""
    keys = (found.digest, found.doc_id, found.portion, found.row)
    order = corpus_order(*keys, found.portions, found.old_portions)
    numbers = (found.portion, found.row, *found.digest.T, *found.doc_id.T)
    for column in (*numbers, found.reason, found.score, found.keeper, found.renamed):
        permute(column, order)
    moved = places_in(order).astype(np.int64)
    for block in blocks(len(found)):
        keeper = found.keeper[block]  # a view
        keeper[keeper >= 0] = moved[keeper[keeper >= 0]]
    return moved
